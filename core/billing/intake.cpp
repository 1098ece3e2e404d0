#include "core/billing/intake.hpp"

#include <chrono>
#include <utility>

namespace ccp::billing {
namespace {

constexpr auto kLook = std::chrono::milliseconds(5);

}  // namespace

Intake::Intake(Inbox& inbox, const Clock& clock, std::function<bool()> burst,
               std::function<void()> decided)
    : inbox_(inbox), clock_(clock), burst_(std::move(burst)), decided_(std::move(decided)) {}

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
    bytes_ = 0;
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
    const std::size_t bytes = stored.row.body.size();
    if (!running_ || waiting_.size() >= kMostWaiting || bytes_ + bytes > kMostBytes) return false;
    waiting_.push_back({std::move(stored), clock_.monotonicNs()});
    bytes_ += bytes;
  }
  arrived_.notify_one();
  return true;
}

bool Intake::holdBack() const {
  if (!running_ || waiting_.size() >= kMostWaiting / 2 || bytes_ >= kMostBytes / 2) return false;
  const auto patience = static_cast<std::uint64_t>(std::chrono::nanoseconds(kPatience).count());
  return clock_.monotonicNs() - waiting_.front().since_ns < patience && burst_();
}

void Intake::decide() {
  std::unique_lock lock(mutex_);
  while (running_) {
    arrived_.wait(lock, [this] { return !running_ || !waiting_.empty(); });
    // Looked at again, not woken: whoever acknowledges has better things to do.
    while (!waiting_.empty() && holdBack())
      arrived_.wait_for(lock, kLook, [this] { return !running_; });
    std::vector<Stored> batch;
    while (!waiting_.empty() && batch.size() < kTogether) {
      bytes_ -= waiting_.front().stored.row.body.size();
      batch.push_back(std::move(waiting_.front().stored));
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
