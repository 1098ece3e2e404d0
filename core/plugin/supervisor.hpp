// The one thread that looks after plugins' processes: sees them end, reads what they write, keeps their
// limits and starts them again. All restart state is touched on this thread and nowhere else.
// It also starts them: a child dies with the thread that started it (PR_SET_PDEATHSIG), and this one stays.
// Threads: every function from any thread but the supervisor's own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/isolation/channel.hpp"

namespace ccp::plugin {

/// One process, or the place of one. Called on the supervisor's thread only.
class Ward {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  virtual ~Ward() = default;
  /// Readable when the process has ended; -1 when there is none to wait for.
  virtual int pidfd() = 0;
  virtual void ended(Instant now) = 0;
  /// What the process writes; -1 when nothing is to be read now.
  virtual int outputFd(Instant now) = 0;
  virtual void readOutput(Instant now) = 0;
  /// When act() is due; nothing: not before something else happens.
  virtual std::optional<Instant> due() = 0;
  virtual void act(Instant now) = 0;
  /// About four times a second: memory, threads, the breaker.
  virtual void inspect(Instant now) = 0;
};

class Supervisor {
 public:
  Supervisor();
  /// Every ward has been removed.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void add(std::shared_ptr<Ward> ward);
  /// When it returns, the ward is not called any more.
  void remove(const std::shared_ptr<Ward>& ward);
  /// Runs `task` on the supervisor's thread, soon.
  void post(std::function<void()> task);
  /// The same, and waits for it.
  void run(const std::function<void()>& task);

 private:
  void loop();
  void wait(std::chrono::steady_clock::time_point now);
  void drainTasks();

  isolation::Fd wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> tasks_;
  bool stopping_ = false;
  // Of the thread only:
  std::vector<std::shared_ptr<Ward>> wards_;
  std::chrono::steady_clock::time_point inspected_{};
  std::thread thread_;
};

}  // namespace ccp::plugin
