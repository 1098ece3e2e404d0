// Decides stored webhooks beside the requests that brought them: an acknowledgement waits for the
// durable row only. In a burst acknowledgements come first, because a provider gives up after
// seconds and a decision may take a moment: what was stored waits until the burst is over, at most
// kPatience. What waits together is decided in one unit of work; what needs a question to the
// provider goes to threads of its own, so that a provider that hangs holds up nothing else. Nothing
// depends on it: what does not fit here, or dies here, is the worker's.
// Threads: offer() from any; start() and stop() from one.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/billing/inbox.hpp"

namespace ccp::billing {

class Intake {
 public:
  /// `burst` says whether many deliveries wait for their acknowledgement; `decided` is called after
  /// something was: there may be questions to ask.
  Intake(Inbox& inbox, const Clock& clock, std::function<bool()> burst,
         std::function<void()> decided);
  ~Intake();
  void start();
  void stop();
  bool running();
  /// False when it is not running or has enough to do.
  bool offer(Stored&& stored);

 private:
  struct Waiting {
    Stored stored;
    std::uint64_t since_ns;
  };
  void decide();
  void ask();
  /// Whether what waits should wait on; under the lock.
  bool holdBack() const;

  static constexpr std::size_t kMostWaiting = 10'000;
  static constexpr std::size_t kMostBytes = 32u << 20;
  static constexpr Duration kPatience = seconds(2);
  static constexpr std::size_t kTogether = 64;
  static constexpr int kAskers = 2;

  Inbox& inbox_;
  const Clock& clock_;
  std::function<bool()> burst_;
  std::function<void()> decided_;
  std::mutex mutex_;
  std::condition_variable arrived_;   ///< for decide()
  std::condition_variable doubtful_;  ///< for ask()
  bool running_ = false;
  std::deque<Waiting> waiting_;
  std::size_t bytes_ = 0;  ///< of the bodies that wait
  std::deque<std::string> to_ask_;
  std::vector<std::thread> threads_;
};

}  // namespace ccp::billing
