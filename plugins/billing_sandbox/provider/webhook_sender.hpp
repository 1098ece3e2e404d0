// Sends events to the merchant's endpoint: signed per attempt, in order where nothing fails, with
// retries that back off. Has a thread of its own, so that no API call waits for the merchant.
// Threads: thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "ledger.hpp"

namespace sandbox {

class WebhookSender {
 public:
  struct Options {
    std::string secret;
    std::chrono::milliseconds retry_base{500};  ///< doubles per attempt, at most a minute
    int max_attempts = 10;
  };
  WebhookSender(Ledger& ledger, Options options);
  ~WebhookSender();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  void enqueue(const OutgoingEvent& event);
  /// Faults for tests:
  /// {"drop":n,"duplicate":n,"bad_signature":n,"reorder":n,"delay_ms":n,"thin":bool,"hold":bool}.
  json configureFaults(const json& body);
  /// {"pending","delivered","failed","dropped","faults":{…}}
  json status();
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    OutgoingEvent event;
    int attempt = 0;
    Clock::time_point due;
    bool thin = false;
    bool bad_signature = false;
    bool dropped = false;
  };
  struct Faults {
    std::int64_t drop = 0, duplicate = 0, bad_signature = 0, reorder = 0, delay_ms = 0;
    bool thin = false, hold = false;
  };

  void run();
  void deliver(Pending item);
  void releaseHeldLocked();
  json statusLocked() const;

  Ledger& ledger_;
  Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> queue_;
  std::deque<Pending> held_;  ///< collected for a reordering
  Faults faults_;
  std::int64_t delivered_ = 0, failed_ = 0, dropped_ = 0, in_flight_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sandbox
