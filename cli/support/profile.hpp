// What this person's configuration folder holds: device key, session, pinned root key, key ring,
// pack. Files are written atomically with 0600; a lock keeps two commands from renewing at once.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/support/context.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::cli {

struct Session {
  std::string server;  ///< issuer
  std::string product_id;
  std::string access_token;
  std::string refresh_token;
  std::optional<Timestamp> access_expires_at;
  std::string scope;
  Json json() const;
  static Session from(const Json& json);
};

/// Times of the last exchanges, for `status`.
struct SyncState {
  std::optional<Timestamp> license_synced_at, pack_refresh_after_at, usage_exported_at;
};

class Profile {
 public:
  explicit Profile(const Context& context) : context_(context) {}

  std::string path(const std::string& name) const { return context_.config_dir + "/" + name; }
  /// Makes the folder with 0700 when it is missing.
  Status prepare() const;

  /// `not_logged_in` when there is none.
  Result<Session> session() const;
  Status save(const Session& session) const;
  /// Makes the key at first use; `config_invalid` when the file is damaged or readable by others.
  Result<crypto::SigningKey> deviceKey(bool create) const;

  /// Root keys that this person trusts for `server`, by thumbprint. Empty: none pinned yet.
  Result<std::map<std::string, crypto::PublicKey>> rootKeys(const std::string& server) const;
  Status pinRootKeys(const std::string& server, const Json& jwks) const;

  std::optional<std::string> pack() const;
  std::optional<std::string> keyRing() const;
  Status savePack(const std::string& pack, const Json& key_ring) const;
  SyncState sync() const;
  Status save(const SyncState& state) const;

  /// Removes session, pack and tokens; the device key stays unless `all`.
  Status forget(bool all) const;

  /// Exclusive among processes while it lives.
  class Lock {
   public:
    explicit Lock(const std::string& path);
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    int fd_;
  };
  Lock lock() const { return Lock(path("lock")); }

 private:
  const Context& context_;
};

}  // namespace ccp::cli
