// A child process from posix_spawn: what it inherits, how it is killed, how it ended. Never forks the
// running program, which has threads.
// Threads: launch() anywhere; a Process is used by any thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"
#include "core/isolation/channel.hpp"

namespace ccp::isolation {

/// How a process ended.
struct Exit {
  bool by_signal = false;
  int number = 0;  ///< signal or exit status
  /// "signal 11 (SIGSEGV)", "exit status 71"
  std::string text() const;
};

class Process {
 public:
  struct Descriptors {
    int socket = -1;   ///< becomes 3; -1: none
    int library = -1;  ///< becomes 4; -1: none
    int output = -1;   ///< becomes 1 and 2; -1: /dev/null
  };
  /// Starts `program` with an empty environment, in a session of its own, with these descriptors and no
  /// others. The child dies with the thread that calls this: call it on one that stays.
  static Result<std::unique_ptr<Process>> launch(const std::string& program, const std::vector<std::string>& arguments, const Descriptors& fds);
  /// Kills and waits.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const noexcept { return pid_; }
  /// Readable when the process has ended; owned by this object.
  int pidfd() const noexcept { return pidfd_.get(); }
  void kill() noexcept;
  /// Nothing while it still runs after `patience`.
  std::optional<Exit> wait(Duration patience);

  struct Usage {
    std::uint64_t rss_bytes = 0;
    int threads = 0;
  };
  Usage usage() const;

 private:
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  const pid_t pid_;
  const Fd pidfd_;
  std::mutex mutex_;
  std::optional<Exit> exit_;
};

/// ccp-plugin-host: beside the running program, or in ../libexec/ccp. CCP_PLUGIN_HOST overrides it when
/// the caller allows that (tests, development).
Result<std::string> hostProgram(bool allow_override = false);

}  // namespace ccp::isolation
