// SQL of the trust store: keys and the highest versions seen. Rows of the whole server, of no
// organization: units of work run in system scope.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/package/trust/trusted_key.hpp"

namespace ccp::plugin {

struct TrustRow {
  TrustedKey key;
  std::string added_by;
  Timestamp added_at, updated_at;
  std::string revoked_by;
};

struct VersionFloor {
  std::string plugin;
  std::string version;
  std::string updated_by;
  Timestamp updated_at;
};

class TrustRepository {
 public:
  explicit TrustRepository(db::Tx& tx) : tx_(tx) {}
  /// All keys, revoked and expired ones included, oldest first. Rows that are damaged are left out and
  /// logged: they trust nothing.
  std::vector<TrustRow> keys();
  std::optional<TrustRow> key(const std::string& kid);
  /// Inserts, or replaces title, terms and revocation. False, and nothing changes, for a key that was
  /// revoked: not even a damaged row is overwritten.
  bool put(const TrustRow& row);

  std::vector<VersionFloor> floors();
  std::optional<VersionFloor> floor(const std::string& plugin);
  void setFloor(const VersionFloor& floor);

 private:
  std::vector<TrustRow> rows(const std::string& where, const db::Binds& binds);
  db::Tx& tx_;
};

}  // namespace ccp::plugin
