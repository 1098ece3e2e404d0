// Where deliveries wait to be verified and stored: a request hands its delivery over and holds no
// thread meanwhile. What waits for the same instance goes through the plugin and into the database
// together. Each instance has a queue and threads of its own, so that a plugin that hangs holds up
// nobody else's webhooks.
// Threads: offer() and inFlight() from any; start() and stop() from one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/billing/webhooks.hpp"

namespace ccp::billing {

class Reception {
 public:
  using Done = std::function<void(Result<Accepted>)>;

  explicit Reception(Webhooks& webhooks) : webhooks_(webhooks) {}
  ~Reception();
  void start();
  /// What waits is told `shutting_down`; what is under way is finished.
  void stop();

  /// `done` is called once, with what Webhooks::accept says, or with `overloaded`. Does not block
  /// while it is running; before start() and after stop() the caller does the work.
  void offer(Delivery delivery, Done done);
  /// Deliveries that were handed over and have no answer.
  std::size_t inFlight() const noexcept { return in_flight_; }

 private:
  struct Waiting {
    Delivery delivery;
    Done done;
  };
  /// Of one instance. While one of its threads waits for a commit another verifies.
  struct Lane {
    std::deque<Waiting> waiting;
    std::condition_variable arrived;
    int idle = 0;
    int threads = 0;
  };

  void serve(const std::string& instance, Lane& lane);
  std::vector<Waiting> take(Lane& lane);
  void finish(const std::string& instance, std::vector<Waiting> batch);

  static constexpr std::size_t kMostWaiting = 4096;  ///< of one instance
  static constexpr std::size_t kTogether = 64;
  static constexpr std::size_t kBytesTogether = 4u << 20;
  static constexpr int kThreads = 2;  ///< of one instance

  Webhooks& webhooks_;
  std::atomic<std::size_t> in_flight_{0};
  std::mutex mutex_;
  bool running_ = false;
  std::map<std::string, Lane> lanes_;
  std::vector<std::thread> threads_;
};

}  // namespace ccp::billing
