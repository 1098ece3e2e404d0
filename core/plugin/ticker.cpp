#include "core/plugin/ticker.hpp"

#include "core/base/log.hpp"

namespace ccp::plugin {

void Ticker::add(const std::shared_ptr<Instance>& instance) {
  const std::lock_guard lock(mutex_);
  for (const auto& tick : instance->ticks()) {
    auto entry = std::make_shared<Entry>();
    entry->instance = instance;
    entry->tick = tick;
    entry->due_ns = Deadline::after(clock_, tick.interval).monotonicNs();
    entries_.push_back(std::move(entry));
  }
}

std::vector<std::shared_ptr<Ticker::Entry>> Ticker::takeDue() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Entry>> due;
  const std::uint64_t now = clock_.monotonicNs();
  for (const auto& entry : entries_) {
    if (now < entry->due_ns || entry->running.exchange(true)) continue;
    // From now on, not from when it was due: a host that slept does not catch up.
    entry->due_ns = Deadline::after(clock_, entry->tick.interval).monotonicNs();
    due.push_back(entry);
  }
  return due;
}

void Ticker::run(const std::shared_ptr<Entry>& entry) {
  if (const Status done = entry->instance->tick(entry->tick.name); !done) {
    log::warn("plugin_tick_failed", {{"instance", entry->instance->name()}, {"tick", entry->tick.name}, {"detail", done.error().detail}});
  }
  entry->running = false;
}

int Ticker::runDue() {
  int count = 0;
  for (const auto& entry : takeDue()) {
    run(entry);
    ++count;
  }
  return count;
}

void Ticker::start() {
  const std::lock_guard lock(mutex_);
  if (entries_.empty() || thread_.joinable()) return;
  thread_ = std::thread([this] {
    std::unique_lock lock_here(mutex_);
    while (!stopping_) {
      wake_.wait_for(lock_here, milliseconds(250));
      if (stopping_) break;
      lock_here.unlock();
      for (const auto& entry : takeDue()) {
        if (!pool_.submit([entry] { run(entry); })) entry->running = false;
      }
      lock_here.lock();
    }
  });
}

void Ticker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace ccp::plugin
