// Background work: one thread per worker, a fixed pause between rounds, an early wake, a prompt
// stop.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/time.hpp"

namespace ccp::app {

class Periodic {
 public:
  using Work = std::function<Status()>;
  /// A failed or throwing round is logged and counted; the next one comes as usual.
  Periodic(std::string name, Duration pause, Metrics& metrics, Work work);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

  void start();
  /// Runs a round now, or right after the one that runs.
  void wake();
  /// Waits for the round that runs.
  void stop();

 private:
  void run();
  void round();

  std::string name_;
  Duration pause_;
  Counter& failures_;
  Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  std::thread thread_;
};

}  // namespace ccp::app
