// Names the handlers that take too long: one that holds an event loop, and one that runs on a
// worker beyond its route's time. Log and metrics; it ends nothing. Threads: one of its own.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "core/http/loop.hpp"

namespace ccp::http {

class Watchdog {
 public:
  Watchdog(std::shared_ptr<Front> front, std::vector<std::shared_ptr<Loop>> loops);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run();
  void lookAtLoops();
  void lookAtWorkers();

  std::shared_ptr<Front> front_;
  std::vector<std::shared_ptr<Loop>> loops_;
  std::vector<std::uint64_t> named_;           // the last run of each loop that was named
  std::unordered_set<std::uint64_t> overdue_;  // runs of workers that were named
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ccp::http
