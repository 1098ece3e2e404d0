#include "core/plugin/host_services/services.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxTicks = 8;
constexpr std::int64_t kMinIntervalMs = 1000;
constexpr std::int64_t kMaxIntervalMs = std::int64_t{31} * 24 * 3600 * 1000;

}  // namespace

SchedulerService::SchedulerService(const InstanceGrants& grants) : grants_(grants) {
  table_ = {sizeof table_, 0, this,
            [](const ccp_scheduler_v1* t, const ccp_call*, ccp_str name, std::int64_t interval_ms, ccp_op tick) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<SchedulerService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_SCHEDULER_ID)) return CCP_RC_PERMISSION_DENIED;
                return self.every(viewOf(name), interval_ms, tick);
              });
            }};
}

void SchedulerService::open(bool is_open) {
  const std::lock_guard lock(mutex_);
  if (is_open) entries_.clear();
  open_ = is_open;
}

std::vector<SchedulerService::Tick> SchedulerService::ticks() const {
  const std::lock_guard lock(mutex_);
  std::vector<Tick> out;
  for (const auto& entry : entries_) out.push_back(entry.tick);
  return out;
}

ccp_op SchedulerService::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry.tick.name == name) return entry.op;
  }
  return nullptr;
}

ccp_rc SchedulerService::every(std::string_view name, std::int64_t interval_ms, ccp_op tick) {
  if (!tick || name.empty() || name.size() > 64 || interval_ms < kMinIntervalMs || interval_ms > kMaxIntervalMs) return CCP_RC_INVALID_ARGUMENT;
  const std::lock_guard lock(mutex_);
  if (!open_) return CCP_RC_PERMISSION_DENIED;
  if (entries_.size() >= kMaxTicks) return CCP_RC_RESOURCE_EXHAUSTED;
  for (const auto& known : entries_) {
    if (known.tick.name == name) return CCP_RC_CONFLICT;
  }
  entries_.push_back({{std::string(name), milliseconds(interval_ms)}, tick});
  return CCP_RC_OK;
}

}  // namespace ccp::plugin
