#include "policy/runtime/worker.hpp"

#include <exception>
#include <utility>

#include "core/base/log.hpp"

namespace ccp::policy {

Worker::Worker() : thread_([this] { loop(); }) {}
Worker::~Worker() { stop(); }

bool Worker::tryRun(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || jobs_.size() >= kMostJobs) return false;
  jobs_.push_back(std::move(job));
  wake_.notify_one();
  return true;
}

void Worker::run(std::function<void()> chore) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      chores_.push_back(std::move(chore));
      wake_.notify_one();
      return;
    }
  } catch (const std::exception&) {
    // No memory to queue it: done here.
  }
  if (chore) chore();
}

void Worker::stop() noexcept {
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Worker::loop() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !chores_.empty(); });
    auto& queue = chores_.empty() ? jobs_ : chores_;
    if (queue.empty()) return;
    auto job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    try {
      job();
      job = nullptr;  // what it held is freed here, not under the lock
    } catch (const std::exception& e) {
      log::error("policy.worker", {{"error", e.what()}});
    }
    lock.lock();
  }
}

}  // namespace ccp::policy
