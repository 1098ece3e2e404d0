#include "core/isolation/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/file.hpp"

namespace ccp::isolation {
namespace {

tl::unexpected<Error> ioError(const std::string& what, int error) { return fail(Errc::io_error, what + ": " + std::strerror(error)); }

/// Away from the low numbers, so that no dup2 of the child overwrites what a later one needs.
Fd away(int fd) { return fd < 0 ? Fd() : Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 32)); }

struct Actions {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  Actions() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~Actions() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
};

}  // namespace

std::string Exit::text() const {
  if (!by_signal) return "exit status " + std::to_string(number);
  const char* name = ::sigabbrev_np(number);
  return "signal " + std::to_string(number) + (name ? std::string(" (SIG") + name + ")" : std::string());
}

Result<std::unique_ptr<Process>> Process::launch(const std::string& program, const std::vector<std::string>& arguments, const Descriptors& fds) {
  const Fd socket = away(fds.socket), library = away(fds.library), output = away(fds.output);
  if ((fds.socket >= 0 && !socket) || (fds.library >= 0 && !library) || (fds.output >= 0 && !output)) return ioError("dup", errno);
  Actions actions;
  ::posix_spawn_file_actions_addopen(&actions.files, 0, "/dev/null", O_RDONLY, 0);
  for (const int target : {1, 2}) {
    if (output) ::posix_spawn_file_actions_adddup2(&actions.files, output.get(), target);
    else ::posix_spawn_file_actions_addopen(&actions.files, target, "/dev/null", O_WRONLY, 0);
  }
  if (socket) ::posix_spawn_file_actions_adddup2(&actions.files, socket.get(), 3);
  else ::posix_spawn_file_actions_addopen(&actions.files, 3, "/dev/null", O_RDONLY, 0);
  if (library) ::posix_spawn_file_actions_adddup2(&actions.files, library.get(), 4);
  ::posix_spawn_file_actions_addclosefrom_np(&actions.files, library ? 5 : 4);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&actions.attributes, &none);
  ::posix_spawnattr_setsigdefault(&actions.attributes, &all);
  // A session of its own: an interrupt at the terminal is for ccpd, which then ends its children in order.
  ::posix_spawnattr_setflags(&actions.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  pid_t pid = 0;
  if (const int error = ::posix_spawn(&pid, program.c_str(), &actions.files, &actions.attributes, argv.data(), environment); error != 0) {
    return ioError(program + " cannot be started", error);
  }
  // The wrappers of glibc 2.36 lack C linkage.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return ioError("pidfd_open", error);
  }
  return std::unique_ptr<Process>(new Process(pid, std::move(pidfd)));
}

Process::~Process() {
  kill();
  wait(Duration(-1));
}

void Process::kill() noexcept { ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0); }

std::optional<Exit> Process::wait(Duration patience) {
  const auto millis = std::chrono::duration_cast<milliseconds>(patience).count();
  pollfd p{pidfd_.get(), POLLIN, 0};
  while (::poll(&p, 1, patience < Duration::zero() ? -1 : static_cast<int>(millis)) < 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  if (exit_ || (p.revents & POLLIN) == 0) return exit_;
  siginfo_t ended{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &ended, WEXITED | WNOHANG) != 0 || ended.si_pid == 0) return std::nullopt;
  exit_ = Exit{ended.si_code != CLD_EXITED, ended.si_status};
  return exit_;
}

Process::Usage Process::usage() const {
  Usage out;
  const auto text = readFile("/proc/" + std::to_string(pid_) + "/status", 64 * 1024);
  if (!text) return out;
  const auto number = [&](const char* name) -> std::uint64_t {
    const auto at = text->find(name);
    return at == std::string::npos ? 0 : std::strtoull(text->c_str() + at + std::strlen(name), nullptr, 10);
  };
  out.rss_bytes = number("\nVmRSS:") * 1024;
  out.threads = static_cast<int>(number("\nThreads:"));
  return out;
}

Result<std::string> hostProgram(bool allow_override) {
  if (const char* named = allow_override ? std::getenv("CCP_PLUGIN_HOST") : nullptr; named && *named) return std::string(named);
  char self[4096];
  const ssize_t n = ::readlink("/proc/self/exe", self, sizeof self);
  if (n <= 0) return fail(Errc::io_error, "the running program's place cannot be read, so ccp-plugin-host cannot be found");
  const std::string path(self, static_cast<std::size_t>(n));
  const std::string folder = path.substr(0, path.rfind('/'));
  // tests/ beside bin/ is how a build tree looks.
  for (const char* place : {"/ccp-plugin-host", "/../libexec/ccp/ccp-plugin-host", "/../bin/ccp-plugin-host"}) {
    const std::string candidate = folder + place;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(Errc::io_error, "ccp-plugin-host is neither beside " + path + " nor in ../libexec/ccp; install it there, or set isolation: inproc");
}

}  // namespace ccp::isolation
