// A Mailer that answers at once and sends on a thread of its own: the time that an answer takes must
// not tell whether an address is known. Mail that cannot be sent is logged and dropped; people ask again.
// Threads: thread-safe; the destructor waits for the mail that is being sent.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <thread>

#include "core/net/mailer.hpp"

namespace ccp::identity {

class QueuedMailer final : public net::Mailer {
 public:
  explicit QueuedMailer(net::Mailer& mailer, std::size_t max_waiting = 1000);
  ~QueuedMailer() override;
  /// Success means queued; `overloaded` when too many wait.
  Status send(const net::Mail& mail) override;

 private:
  void run();

  net::Mailer& mailer_;
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<net::Mail> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ccp::identity
