// What every host service of one instance stands on, and the small helpers they share.
#pragma once

#include <string>
#include <string_view>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/net/http_client.hpp"
#include "core/plugin/call_frame.hpp"
#include "core/package/manifest.hpp"

namespace ccp::plugin {

/// Shared by all instances; outlives them.
struct HostContext {
  db::Db& db;
  net::HttpClient& http;
  const config::SecretStore& secrets;
  const Clock& clock;
  Random& random;
  Metrics& metrics;
  bool dev = false;
};

/// Who asks, and what it may. The manifest is the signed one.
struct InstanceGrants {
  std::string name;
  Manifest manifest;
  config::Egress egress;
};

inline std::string_view viewOf(ccp_str s) noexcept { return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

inline ccp_rc writeTo(const ccp_sink* sink, std::string_view bytes) noexcept {
  if (!sink || !CCP_HAS(sink, write)) return CCP_RC_INVALID_ARGUMENT;
  return sink->write(sink, bytes.data(), bytes.size());
}

/// The call that runs on this thread, unless it was given up. A [callback] service without a call is misuse:
/// reported, refused.
inline CallFrame* callerOrReport(const InstanceGrants& grants, const char* service) noexcept {
  CallFrame* frame = CallFrame::current();
  if (!frame) {
    log::error("plugin_misbehaving", {{"instance", grants.name}, {"service", service}, {"detail", "called outside of a call of this plugin"}});
    return nullptr;
  }
  return frame->givenUp() ? nullptr : frame;
}

/// Nothing thrown by us may cross into the plugin.
template <class F>
ccp_rc serve(F&& fn) noexcept {
  try {
    return fn();
  } catch (const std::exception& e) {
    try {
      log::error("host_service_failed", {{"detail", e.what()}});
    } catch (...) {
      return CCP_RC_INTERNAL;
    }
    return CCP_RC_INTERNAL;
  } catch (...) {
    return CCP_RC_INTERNAL;
  }
}

/// The value of a secret that the manifest allows (`forbidden` otherwise); each use is logged.
Result<SecretBytes> readSecret(const HostContext& host, const InstanceGrants& grants, std::string_view id, const char* use);

}  // namespace ccp::plugin
