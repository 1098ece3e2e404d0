// Deadlines of many connections in slots of time: O(1) to set, and each is looked at once a turn.
// Lazy: a deadline that moves later costs nothing until its old slot comes up. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace ccp::http {

class TimerWheel {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr auto kSlot = std::chrono::milliseconds(50);

  explicit TimerWheel(Time now, std::size_t slots = 1024) : slots_(slots), tick_(tickOf(now)) {}

  /// `id` is to be looked at when `at` has passed. `scheduled` belongs to the id (0 at first): the
  /// slot that holds it now.
  void schedule(std::uint64_t id, Time at, std::uint64_t& scheduled) {
    if (at == Time::max()) return;
    const auto due = std::max(tickOf(at) + 1, tick_ + 1);
    if (scheduled != 0 && scheduled <= due) return;  // looked at before, and then put further
    // Beyond one turn: looked at once a turn.
    const auto slot = std::min<std::uint64_t>(due, tick_ + slots_.size() - 1);
    if (scheduled != 0 && scheduled <= slot) return;
    scheduled = slot;
    slots_[slot % slots_.size()].push_back({id, slot});
    ++size_;
  }

  /// Calls look(id, slot) for what stands in the slots up to `now`; it compares `slot` with the
  /// id's own `scheduled` (another: stale, nothing to do), and schedules again what is not due.
  template <class Look>
  void advance(Time now, Look look) {
    const auto until = tickOf(now);
    while (tick_ < until) {
      ++tick_;
      if (size_ == 0) {
        tick_ = until;
        break;
      }
      auto& slot = slots_[tick_ % slots_.size()];
      if (slot.empty()) continue;
      due_.swap(slot);
      size_ -= due_.size();
      for (const auto& entry : due_) look(entry.id, entry.slot);
      due_.clear();
    }
  }

  bool empty() const noexcept { return size_ == 0; }

 private:
  struct Entry {
    std::uint64_t id, slot;
  };
  static std::uint64_t tickOf(Time t) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()) / kSlot);
  }
  std::vector<std::vector<Entry>> slots_;
  std::vector<Entry> due_;
  std::uint64_t tick_;
  std::size_t size_ = 0;
};

}  // namespace ccp::http
