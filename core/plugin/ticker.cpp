#include "core/plugin/ticker.hpp"

#include <algorithm>
#include <map>

#include "core/base/log.hpp"

namespace ccp::plugin {

void Ticker::replace(const std::shared_ptr<Instance>& old, const std::shared_ptr<Instance>& next) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  std::map<std::string, std::uint64_t> due;
  for (const auto& entry : entries_) {
    if (old && entry->instance == old) due[entry->tick.name] = entry->due_ns;
  }
  std::erase_if(entries_, [&](const auto& entry) { return old && entry->instance == old; });
  for (const auto& tick : next->ticks()) {
    auto entry = std::make_shared<Entry>();
    entry->instance = next;
    entry->tick = tick;
    entry->due_ns = Deadline::after(clock_, tick.interval).monotonicNs();
    if (const auto before = due.find(tick.name); before != due.end()) entry->due_ns = std::min(entry->due_ns, before->second);
    entries_.push_back(std::move(entry));
  }
  wake_.notify_all();
}

void Ticker::remove(const std::shared_ptr<Instance>& instance) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& entry) { return entry->instance == instance; });
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
  const Status done = entry->instance->tick(entry->tick.name);
  if (!done && !entry->instance->retired()) {
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
  if (stopping_ || thread_.joinable()) return;
  thread_ = std::thread([this] {
    std::unique_lock lock_here(mutex_);
    while (!stopping_) {
      wake_.wait(lock_here, [this] { return stopping_ || !entries_.empty(); });
      wake_.wait_for(lock_here, milliseconds(250), [this] { return stopping_; });
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
