// SQL of signing keys: rows of the whole server, of no organization.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/crypto/keyring.hpp"
#include "core/db/db.hpp"

namespace ccp::licensing {

struct KeyRow {
  std::string kid;
  std::string use;  ///< pack, access, channel, root
  crypto::KeyState state = crypto::KeyState::pending;
  crypto::PublicKey key;
  std::string sealed;
  Timestamp created_at, not_before_at;
  std::optional<Timestamp> retire_at;
  std::int64_t ring_version = 0;
};

class KeyRepository {
 public:
  explicit KeyRepository(db::Tx& tx) : tx_(tx) {}
  /// All that are not retired, oldest first; compromised ones included.
  std::vector<KeyRow> current();
  std::optional<KeyRow> byKid(const std::string& kid);
  /// Version of the key ring: every change to a key raises it.
  std::int64_t ringVersion();
  void insert(const KeyRow& row);
  void update(const KeyRow& row);

 private:
  std::vector<KeyRow> rows(const std::string& where, const db::Binds& binds);
  db::Tx& tx_;
};

}  // namespace ccp::licensing
