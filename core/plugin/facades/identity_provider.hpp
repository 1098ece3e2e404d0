// ccp.identity/1 as the identity feature sees it. The plugin is a pure state machine: it keeps
// nothing; the host stores `state` (an opaque JSON value) and hands it back.
// JSON shapes: sdk/schemas/ccp.identity/. Threads: thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/plugin/facades/call_context.hpp"

namespace ccp::plugin {

/// begin of a device-kind provider (RFC 8628).
struct DeviceBegin {
  std::string user_code;    ///< shown form, WDJB-MJHT
  std::string device_code;  ///< the core hashes it before it stores it
  std::int64_t expires_in_s = 900;
  std::int64_t interval_s = 5;
  Json state;
};

/// Outcome of one poll.
struct DevicePoll {
  std::string status;  ///< pending, slow_down, done, denied, expired
  std::int64_t interval_s = 5;
  Json state;
};

class IdentityProvider {
 public:
  virtual ~IdentityProvider() = default;
  virtual const std::string& instance() const = 0;
  /// {"kind":"device"|"redirect", …}
  virtual Result<Json> describe(const CallContext& ctx) = 0;
  virtual Result<DeviceBegin> beginDevice(const CallContext& ctx, const std::string& client_id, const std::string& scope) = 0;
  /// `decision`: "" (none yet), "approved" or "denied"; `now_us` is the core's clock.
  virtual Result<DevicePoll> pollDevice(const CallContext& ctx, const Json& state, const std::string& decision, std::int64_t now_us) = 0;
};

class IdentityProviders {
 public:
  virtual ~IdentityProviders() = default;
  /// First instance of a kind ("device"); `plugin_unavailable` when none is configured.
  virtual Result<std::shared_ptr<IdentityProvider>> ofKind(const std::string& kind) = 0;
};

}  // namespace ccp::plugin
