#include "core/plugin/host_services/services.hpp"

namespace ccp::plugin {

ClockService::ClockService(const HostContext& host) : host_(host) {
  table_ = {sizeof table_, 0, this,
            [](const ccp_clock_v1* t) noexcept -> std::int64_t { return toMicros(static_cast<ClockService*>(t->ctx)->host_.clock.now()); },
            [](const ccp_clock_v1* t) noexcept -> std::uint64_t { return static_cast<ClockService*>(t->ctx)->host_.clock.monotonicNs(); }};
}

}  // namespace ccp::plugin
