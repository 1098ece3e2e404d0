// One thread beside the deciding ones: lets drafts decide, and frees generations, so that no caller pays
// for either. Inside this room. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace ccp::policy {

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// False when too much waits already: the job is dropped, as it is by stop().
  bool tryRun(std::function<void()> job);
  /// A chore: never dropped, before all jobs; after stop() it runs at once.
  void run(std::function<void()> chore) noexcept;
  void stop() noexcept;

 private:
  void loop() noexcept;

  static constexpr std::size_t kMostJobs = 1024;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> chores_, jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ccp::policy
