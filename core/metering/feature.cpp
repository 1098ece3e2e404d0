#include "core/metering/feature.hpp"

#include "core/base/log.hpp"

namespace ccp::metering {

namespace {
/// How soon a retry whose time has come is seen, and what another node left behind.
constexpr auto kPoll = std::chrono::seconds(10);
}  // namespace

Feature::~Feature() { stop(); }

void Feature::subscribe(db::OutboxDispatcher& outbox) {
  outbox.subscribe("metering", {"usage.accepted"}, [this](const db::OutboxEvent& event) -> Status {
    CCP_CHECK_OK(reporter_.take(event));
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_all();
    return {};
  });
}

void Feature::run() {
  for (;;) {
    const auto more = reporter_.step();
    if (!more) log::error("metering.step_failed", {{"detail", more.error().text()}});
    if (const Status shown = reporter_.measure(); !shown)
      log::warn("metering.measure_failed", {{"detail", shown.error().text()}});
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (more.value_or(false)) continue;
    changed_.wait_for(lock, kPoll, [this] { return stopping_ || woken_; });
    if (stopping_) return;
    woken_ = false;
  }
}

void Feature::start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Feature::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace ccp::metering
