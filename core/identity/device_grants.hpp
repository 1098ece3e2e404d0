// The device flow of RFC 8628 from the first request to a person's decision: the plugin's state
// machine decides, this class stores its state, and nobody but a signed-in person approves.
// Threads: thread-safe. No call holds a request while it waits for a person.
#pragma once

#include <string>
#include <vector>

#include "core/base/time.hpp"
#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/attempt_limiter.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/login_repository.hpp"
#include "core/identity/rules.hpp"
#include "core/plugin/facades/identity_provider.hpp"

namespace ccp::identity {

class DeviceGrants {
 public:
  DeviceGrants(db::Db& db, const Clock& clock, StoredDirectory& directory, plugin::IdentityProviders& providers)
      : db_(db), clock_(clock), directory_(directory), providers_(providers), limiter_(db, clock) {}

  struct Begun {
    std::string device_code;
    std::string user_code;
    std::int64_t expires_in_s = 0;
    std::int64_t interval_s = 0;
  };
  /// `scope` is granted already. `rate_limited`, `plugin_unavailable`.
  Result<Begun> begin(const std::string& client_id, const std::string& scope, const std::string& hostname,
                      const std::string& address, const plugin::CallContext& ctx);

  /// What the approve page shows.
  struct Pending {
    std::string user_code;
    std::string client_name;
    std::string hostname;
    std::string address;
    std::vector<std::string> scopes;
    Timestamp expires_at;
    std::vector<Membership> orgs;  ///< where this person may approve
  };
  /// `code_invalid` (counted), `rate_limited` after five wrong codes of this session or address.
  Result<Pending> find(const http::Principal& who, const std::string& user_code, const std::string& address);

  struct Decision {
    std::string user_code;
    bool approve = false;
    std::string org;
    std::string replace_device;  ///< dev_… of the person's own seat to sign out first; may be empty
  };
  /// `device_limit` when the seat has no room: then devicesOf() says what could go.
  Status decide(const http::Principal& who, const Decision& decision, const std::string& address);
  Result<std::vector<DeviceRow>> devicesOf(const http::Principal& who, const std::string& org);

  struct Polled {
    DeviceDecision decision = DeviceDecision::pending;
    DeviceGrant grant;  ///< approved: to be stored by consume() in the unit of work that makes tokens
  };
  /// One poll of the client. `code_invalid` for an unknown, used or foreign code (other client, other
  /// key); errors of the plugin otherwise. Stores everything but an approval.
  Result<Polled> poll(const std::string& device_code, const std::string& client_id, const std::string& jkt,
                      const plugin::CallContext& ctx);
  Timestamp now() const { return clock_.now(); }
  /// True once: for the unit of work that may make tokens of this grant.
  static bool consume(db::Tx& tx, const DeviceGrant& approved);

 private:
  Result<DeviceGrant> openGrant(const http::Principal& who, const std::string& user_code, const std::string& address);
  Status approve(db::Tx& tx, const http::Principal& who, const Decision& decision, const DeviceGrant& grant);

  db::Db& db_;
  const Clock& clock_;
  StoredDirectory& directory_;
  plugin::IdentityProviders& providers_;
  AttemptLimiter limiter_;
};

}  // namespace ccp::identity
