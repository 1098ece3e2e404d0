#include "core/isolation/program/sandbox.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "core/isolation/channel.hpp"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr rlim_t kDescriptors = 128;
/// Counts every process and thread of the user, ccpd's own too: it bounds what a plugin can bring the user
/// to, not what the plugin has. The supervisor looks at the plugin's own number.
constexpr rlim_t kUserTasks = 8192;

tl::unexpected<Error> refuse(const std::string& what, int error) {
  return fail(Errc::io_error, "the plugin's process cannot confine itself: " + what + ": " + std::strerror(error));
}

// --- resources and descriptors ------------------------------------------------------------------

void lower(__rlimit_resource resource, rlim_t value) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return;
  const rlim_t bound = std::min(value, now.rlim_max);
  const rlimit next{bound, bound};
  ::setrlimit(resource, &next);
}

void limitResources(const SandboxOptions& options) {
  lower(RLIMIT_CORE, 0);
  lower(RLIMIT_NOFILE, kDescriptors);
  lower(RLIMIT_FSIZE, kMaxBodyBytes);  // memfds are files
  lower(RLIMIT_NPROC, kUserTasks);
  lower(RLIMIT_MSGQUEUE, 0);
  if (!kSanitized && options.memory_bytes > 0) lower(RLIMIT_AS, options.memory_bytes);
}

/// A folder that is gone as soon as one stands in it: nothing can be made there, nothing found.
void enterNowhere() {
  char name[] = "/tmp/ccp-plugin-XXXXXX";
  const bool made = ::mkdtemp(name) != nullptr;
  if (!made || ::chdir(name) != 0) {
    if (::chdir("/") != 0) ::_exit(70);
  }
  if (made) ::rmdir(name);
}

// --- files: Landlock ----------------------------------------------------------------------------

// The header of Debian 12 ends at ABI 2; the kernel takes the size that its ABI knows.
struct Ruleset {
  std::uint64_t fs = 0, net = 0, scoped = 0;
};

long allowBeneath(int ruleset, int fd, std::uint64_t access) {
  const landlock_path_beneath_attr rule{access, fd};
  return ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/// The version in force, 0 when the kernel has none.
Result<int> restrictFiles(const SandboxOptions& options) {
  const auto abi = static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 1) return 0;
  std::uint64_t fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (abi >= 2) fs |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) fs |= LANDLOCK_ACCESS_FS_REFER << 1;  // truncate
  if (abi >= 5) fs |= LANDLOCK_ACCESS_FS_REFER << 2;  // ioctl on devices
  const Ruleset wanted{fs, abi >= 4 ? 3U : 0U, abi >= 6 ? 3U : 0U};  // TCP bind and connect; abstract sockets and signals
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const Fd ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &wanted, size, 0)));
  if (!ruleset) return refuse("landlock_create_ruleset", errno);
  const std::uint64_t file = LANDLOCK_ACCESS_FS_READ_FILE;
  const std::uint64_t folder = file | LANDLOCK_ACCESS_FS_READ_DIR;
  // What dlopen needs for a plugin's own dependencies, and nothing that a person or a service wrote.
  for (const char* path : {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/proc/self"}) {
    const Fd fd(::open(path, O_PATH | O_CLOEXEC));
    if (fd && allowBeneath(ruleset.get(), fd.get(), folder) != 0) return refuse(path, errno);
  }
  for (const char* path : {"/etc/ld.so.cache", "/etc/ld.so.preload", "/dev/null", "/dev/urandom"}) {
    const Fd fd(::open(path, O_PATH | O_CLOEXEC));
    if (fd && allowBeneath(ruleset.get(), fd.get(), file) != 0) return refuse(path, errno);
  }
  // A library that could not run from memory is a file in the state directory, opened by the parent. For a
  // memfd the kernel refuses the rule, and needs none.
  allowBeneath(ruleset.get(), options.library_fd, file);
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return refuse("landlock_restrict_self", errno);
  return abi;
}

// --- system calls: seccomp ----------------------------------------------------------------------

class Filter {
 public:
  Filter() : context_(::seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}
  ~Filter() {
    if (context_) ::seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) note(::seccomp_rule_add(context_, SCMP_ACT_ALLOW, call, 0));
  }
  void allowIf(int call, std::initializer_list<scmp_arg_cmp> conditions) {
    note(::seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, call, static_cast<unsigned>(conditions.size()), conditions.begin()));
  }
  void answer(int call, int error) { note(::seccomp_rule_add(context_, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), call, 0)); }
  int load() {
    if (!context_) return ENOMEM;
    note(::seccomp_attr_set(context_, SCMP_FLTATR_CTL_NNP, 0));    // set already
    note(::seccomp_attr_set(context_, SCMP_FLTATR_CTL_TSYNC, 1));  // a sanitizer has a thread of its own
    return error_ != 0 ? error_ : -::seccomp_load(context_);
  }

 private:
  void note(int rc) {
    if (rc < 0 && error_ == 0) error_ = -rc;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
};

scmp_arg_cmp argument(unsigned index, scmp_compare how, scmp_datum_t a, scmp_datum_t b = 0) { return {index, how, a, b}; }

/// What a C or C++ library needs to compute, allocate, lock, read files and talk over the socket that is
/// there. Everything else answers EPERM: no socket, no program, no process, no signal to others, no write
/// to a file.
void allowComputing(Filter& f, const SandboxOptions& options) {
  f.allow({SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
           SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(lseek), SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
           SCMP_SYS(fstatfs), SCMP_SYS(statfs), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
           SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(dup),
           SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(pipe2), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
           SCMP_SYS(fadvise64)});
  f.allow({SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(mlock),
           SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(mincore), SCMP_SYS(membarrier)});
  f.allow({SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(exit), SCMP_SYS(exit_group),
           SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler), SCMP_SYS(getcpu),
           SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
           SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid)});
  f.allow({SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
           SCMP_SYS(time), SCMP_SYS(times), SCMP_SYS(getrandom), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(getrlimit)});
  const auto socket = static_cast<scmp_datum_t>(options.socket_fd);
  for (const int call : {SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg)}) f.allowIf(call, {argument(0, SCMP_CMP_EQ, socket)});
  // For reading only. O_PATH would pass too, and gives nothing that reading does not.
  constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
  f.allowIf(SCMP_SYS(open), {argument(1, SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)});
  f.allowIf(SCMP_SYS(openat), {argument(2, SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)});
  // Threads, not processes. The flags of clone3 are in memory that a filter cannot read: glibc falls back.
  f.allowIf(SCMP_SYS(clone), {argument(0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)});
  f.answer(SCMP_SYS(clone3), ENOSYS);
  // abort() signals its own thread.
  f.allowIf(SCMP_SYS(tgkill), {argument(0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()))});
  f.allowIf(SCMP_SYS(prlimit64), {argument(0, SCMP_CMP_EQ, 0), argument(2, SCMP_CMP_EQ, 0)});
  f.allowIf(SCMP_SYS(prctl), {argument(0, SCMP_CMP_EQ, PR_SET_NAME)});
  if (kSanitized) f.allow({SCMP_SYS(readlink), SCMP_SYS(personality), SCMP_SYS(sched_setaffinity)});
}

}  // namespace

Result<std::string> confine(const SandboxOptions& options) {
  ::umask(077);
  enterNowhere();
  limitResources(options);
  if (::syscall(SYS_close_range, options.keep_fds, ~0U, 0) != 0) return refuse("close_range", errno);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refuse("no_new_privs", errno);
  CCP_TRY(const int landlock, restrictFiles(options));
  Filter filter;
  allowComputing(filter, options);
  if (const int error = filter.load(); error != 0) return refuse("seccomp", error);
  return "rlimits, " + (landlock > 0 ? "landlock " + std::to_string(landlock) : std::string("no landlock")) + ", seccomp";
}

}  // namespace ccp::isolation
