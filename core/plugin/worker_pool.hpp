// Threads that calls into plugins run on, so that a call that hangs costs a thread and not its caller.
// Grows on demand up to a bound; a stuck thread is never cancelled, it is left behind.
// Thread-safe.
#pragma once

#include <functional>
#include <memory>

#include "core/base/time.hpp"

namespace ccp::plugin {

class WorkerPool {
 public:
  explicit WorkerPool(int max_threads);
  /// As stop() with no patience.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues `task`; false when the pool has been stopped.
  bool submit(std::function<void()> task);
  /// Runs what is queued, ends idle threads and waits for busy ones; returns how many it left behind.
  int stop(Duration patience);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the threads: one that is stuck outlives the pool
};

}  // namespace ccp::plugin
