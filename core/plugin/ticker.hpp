// Runs the periodic work of plugins (ccp.scheduler/1) on the host's threads: one thread that looks for what
// is due, the worker pool that does it. A tick never runs twice at once.
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/plugin/instance.hpp"
#include "core/plugin/worker_pool.hpp"

namespace ccp::plugin {

class Ticker {
 public:
  Ticker(const Clock& clock, WorkerPool& pool) : clock_(clock), pool_(pool) {}
  ~Ticker() { stop(); }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  /// The ticks of `next` instead of those of `old` (nullptr: of nobody). One of the same name keeps its
  /// time, or swaps more often than its interval would starve it.
  void replace(const std::shared_ptr<Instance>& old, const std::shared_ptr<Instance>& next);
  void remove(const std::shared_ptr<Instance>& instance);
  void start();
  void stop();
  /// Runs what is due now on the caller's thread; returns how many.
  int runDue();

 private:
  struct Entry {
    std::shared_ptr<Instance> instance;
    SchedulerService::Tick tick;
    std::uint64_t due_ns = 0;
    std::atomic<bool> running{false};
  };
  std::vector<std::shared_ptr<Entry>> takeDue();
  static void run(const std::shared_ptr<Entry>& entry);

  const Clock& clock_;
  WorkerPool& pool_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::shared_ptr<Entry>> entries_;
  std::thread thread_;
};

}  // namespace ccp::plugin
