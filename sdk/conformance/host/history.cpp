#include "sdk/conformance/host/history.hpp"

#include "ccp/abi/host.h"

namespace ccp::kit {

std::size_t HostRelease::bytesOf(std::string_view service_id) const noexcept {
  for (const auto& [id, bytes] : services) {
    if (id == service_id) return bytes;
  }
  return 0;
}

const std::vector<HostRelease>& hostReleases() {
  // Written out, not sizeof: these were true when the release went out and stay so.
  static const std::vector<HostRelease> all = {
      {"1.0", 0, 48,
       {{CCP_LOG_ID, 24}, {CCP_CLOCK_ID, 32}, {CCP_HTTP_ID, 24}, {CCP_KV_ID, 40}, {CCP_SECRETS_ID, 24}, {CCP_CRYPTO_ID, 48},
        {CCP_METRICS_ID, 32}, {CCP_EVENTS_ID, 24}, {CCP_SCHEDULER_ID, 24}}},
      {"1.1", 1, 48,
       {{CCP_LOG_ID, 24}, {CCP_CLOCK_ID, 32}, {CCP_HTTP_ID, 24}, {CCP_KV_ID, 40}, {CCP_SECRETS_ID, 24}, {CCP_CRYPTO_ID, 64},
        {CCP_METRICS_ID, 32}, {CCP_EVENTS_ID, 24}, {CCP_SCHEDULER_ID, 24}}},
  };
  return all;
}

}  // namespace ccp::kit
