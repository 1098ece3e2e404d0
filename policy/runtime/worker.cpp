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

void Worker::run(std::function<void()> job) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      jobs_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  } catch (const std::exception&) {
    // No memory to queue it: done here.
  }
  if (job) job();
}

void Worker::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return jobs_.empty() && !busy_; });
}

void Worker::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Worker::loop() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    try {
      job();
      job = nullptr;  // what it held is freed here, not under the lock
    } catch (const std::exception& e) {
      log::error("policy.worker", {{"error", e.what()}});
    }
    lock.lock();
    busy_ = false;
    if (jobs_.empty()) idle_.notify_all();
  }
}

}  // namespace ccp::policy
