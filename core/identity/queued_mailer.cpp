#include "core/identity/queued_mailer.hpp"

#include "core/base/log.hpp"

namespace ccp::identity {

QueuedMailer::QueuedMailer(net::Mailer& mailer, std::size_t max_waiting)
    : mailer_(mailer), max_waiting_(max_waiting), thread_([this] { run(); }) {}

QueuedMailer::~QueuedMailer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Status QueuedMailer::send(const net::Mail& mail) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= max_waiting_) return fail(Errc::overloaded, "Too much mail waits to be sent.");
    waiting_.push_back(mail);
  }
  wake_.notify_one();
  return {};
}

void QueuedMailer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const auto mail = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    if (const auto sent = mailer_.send(mail); !sent) log::error("mail.not_sent", {{"error", sent.error().text()}});
    lock.lock();
  }
}

}  // namespace ccp::identity
