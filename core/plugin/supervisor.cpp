#include "core/plugin/supervisor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/log.hpp"

namespace ccp::plugin {
namespace {

constexpr std::chrono::milliseconds kInspection{250};

}  // namespace

Supervisor::Supervisor() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] { loop(); }) {}

Supervisor::~Supervisor() {
  post([this] { stopping_ = true; });
  thread_.join();
}

void Supervisor::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  if (::write(wake_.get(), &one, sizeof one) < 0) return;  // full: it is awake already
}

void Supervisor::run(const std::function<void()>& task) {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false;
  post([&] {
    task();
    const std::lock_guard lock(mutex);
    finished = true;
    done.notify_one();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return finished; });
}

void Supervisor::add(std::shared_ptr<Ward> ward) {
  post([this, ward = std::move(ward)]() mutable { wards_.push_back(std::move(ward)); });
}

void Supervisor::remove(const std::shared_ptr<Ward>& ward) {
  run([&] { std::erase(wards_, ward); });
}

void Supervisor::drainTasks() {
  std::uint64_t count = 0;
  if (::read(wake_.get(), &count, sizeof count) < 0) count = 0;
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (auto& task : tasks) {
    try {
      task();
    } catch (const std::exception& e) {
      log::error("plugin_supervisor_failed", {{"detail", e.what()}});
    }
  }
}

void Supervisor::wait(Ward::Instant now) {
  std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
  std::vector<std::pair<std::shared_ptr<Ward>, bool>> owners{{nullptr, false}};  // the ward, and whether it is its pidfd
  bool processes = false;
  Ward::Instant next = now + std::chrono::hours(1);
  for (const auto& ward : wards_) {
    if (const int fd = ward->pidfd(); fd >= 0) {
      fds.push_back({fd, POLLIN, 0});
      owners.emplace_back(ward, true);
      processes = true;
    }
    if (const int fd = ward->outputFd(now); fd >= 0) {
      fds.push_back({fd, POLLIN, 0});
      owners.emplace_back(ward, false);
    }
    if (const auto due = ward->due()) next = std::min(next, *due);
  }
  if (processes) next = std::min(next, inspected_ + kInspection);
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - now).count() + 1;
  ::poll(fds.data(), fds.size(), static_cast<int>(std::max<long>(left, 0)));
  now = std::chrono::steady_clock::now();
  // What a process wrote before it ended is read before its end is told.
  for (const bool ends : {false, true}) {
    for (std::size_t i = 1; i < fds.size(); ++i) {
      if (fds[i].revents == 0 || owners[i].second != ends) continue;
      if (ends) owners[i].first->ended(now);
      else owners[i].first->readOutput(now);
    }
  }
}

void Supervisor::loop() {
  while (!stopping_) {
    auto now = std::chrono::steady_clock::now();
    try {
      wait(now);
      drainTasks();
      now = std::chrono::steady_clock::now();
      const bool inspect = now - inspected_ >= kInspection;
      if (inspect) inspected_ = now;
      const auto wards = wards_;
      for (const auto& ward : wards) {
        if (inspect) ward->inspect(now);
        if (const auto due = ward->due(); due && *due <= now) ward->act(now);
      }
    } catch (const std::exception& e) {
      // Out of memory, most likely. The next round finds the same state.
      log::error("plugin_supervisor_failed", {{"detail", e.what()}});
    }
  }
}

}  // namespace ccp::plugin
