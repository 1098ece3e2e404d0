// SQL of the revocation list. Nodes read it across organizations, in system scope.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::licensing {

struct Revocation {
  std::string org;
  std::string sid;               ///< set: this session is over
  std::int64_t min_version = 0;  ///< sid empty: tokens of older license versions are refused
  Timestamp expires_at;          ///< when no token that it refuses can live any more
};

class RevocationRepository {
 public:
  explicit RevocationRepository(db::Tx& tx) : tx_(tx) {}
  void add(const std::string& id, const Revocation& revocation);
  std::vector<Revocation> since(Timestamp revoked_at, Timestamp now);
  std::int64_t deleteExpired(Timestamp now);

 private:
  db::Tx& tx_;
};

}  // namespace ccp::licensing
