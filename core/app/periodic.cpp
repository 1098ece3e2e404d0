#include "core/app/periodic.hpp"

#include <exception>

#include "core/base/log.hpp"

namespace ccp::app {

Periodic::Periodic(std::string name, Duration pause, Metrics& metrics, Work work)
    : name_(std::move(name)),
      pause_(pause),
      failures_(metrics.counter("ccp_worker_failures_total",
                                "Rounds of background work that failed", {{"worker", name_}})),
      work_(std::move(work)) {}

Periodic::~Periodic() {
  stop();
}

void Periodic::start() {
  thread_ = std::thread([this] { run(); });
}

void Periodic::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
}

void Periodic::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Periodic::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    round();
    lock.lock();
    changed_.wait_for(lock, pause_, [&] { return stopping_ || woken_; });
  }
}

void Periodic::round() {
  try {
    if (auto status = work_(); !status) {
      failures_.add();
      log::warn(
          "worker.failed",
          {{"worker", name_}, {"code", status.error().name()}, {"detail", status.error().detail}});
    }
  } catch (const std::exception& error) {
    failures_.add();
    log::error("worker.threw", {{"worker", name_}, {"what", error.what()}});
  }
}

}  // namespace ccp::app
