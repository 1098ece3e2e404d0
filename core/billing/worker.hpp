// Billing's background thread: stored webhooks that nobody finished, dirty subscriptions, the
// reconciler's schedule, the inbox's 90 days.
// Threads: start() and stop() from one; wake() from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/billing/inbox.hpp"
#include "core/billing/moves.hpp"
#include "core/billing/reconciler.hpp"

namespace ccp::billing {

class Worker {
 public:
  Worker(Inbox& inbox, Reconciler& reconciler, Moves& moves, const Clock& clock);
  ~Worker();
  void start();
  void stop();
  void wake();
  /// One round on the caller's thread; `first` = as after a start. Whether another one has a point at once.
  bool round(bool first);

 private:
  void run();

  Inbox& inbox_;
  Reconciler& reconciler_;
  Moves& moves_;
  const Clock& clock_;
  Timestamp purged_at_{};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace ccp::billing
