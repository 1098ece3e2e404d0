#include "core/billing/intake.hpp"

#include <algorithm>
#include <utility>

namespace ccp::billing {

Intake::Intake(Inbox& inbox, std::function<void()> decided)
    : inbox_(inbox), decided_(std::move(decided)) {}

Intake::~Intake() {
  stop();
}

void Intake::start() {
  const std::lock_guard lock(mutex_);
  if (running_) return;
  running_ = true;
  threads_.emplace_back([this] { decide(); });
  for (int i = 0; i < kAskers; ++i) threads_.emplace_back([this] { ask(); });
}

void Intake::stop() {
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    // They are stored: the next start, or another node, decides them.
    waiting_.clear();
    to_ask_.clear();
  }
  arrived_.notify_all();
  doubtful_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

bool Intake::running() {
  const std::lock_guard lock(mutex_);
  return running_;
}

bool Intake::offer(Stored&& stored) {
  {
    const std::lock_guard lock(mutex_);
    if (!running_ || waiting_.size() >= kMostWaiting) return false;
    waiting_.push_back(std::move(stored));
  }
  arrived_.notify_one();
  return true;
}

void Intake::decide() {
  std::unique_lock lock(mutex_);
  while (running_) {
    arrived_.wait(lock, [this] { return !running_ || !waiting_.empty(); });
    std::vector<Stored> batch;
    while (!waiting_.empty() && batch.size() < kTogether) {
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    if (batch.empty()) continue;
    lock.unlock();
    auto alone = inbox_.processTogether(std::move(batch));
    decided_();
    lock.lock();
    if (alone.empty() || !running_) continue;
    for (auto& id : alone) {
      // More than fits is the worker's.
      if (to_ask_.size() < kMostWaiting) to_ask_.push_back(std::move(id));
    }
    doubtful_.notify_all();
  }
}

void Intake::ask() {
  std::unique_lock lock(mutex_);
  while (running_) {
    doubtful_.wait(lock, [this] { return !running_ || !to_ask_.empty(); });
    if (to_ask_.empty()) continue;
    const std::string id = std::move(to_ask_.front());
    to_ask_.pop_front();
    lock.unlock();
    // A failure is logged and postponed.
    (void)inbox_.process(id, Deadline::none());
    decided_();
    lock.lock();
  }
}

}  // namespace ccp::billing
