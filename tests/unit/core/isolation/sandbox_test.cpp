// What a plugin in a process of its own may not do, tried for real from inside of it.
#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "core/base/file.hpp"
#include "tests/unit/core/isolation/isolation_world.hpp"

using namespace ccp;
using ccp::test::Puppet;

namespace {

struct TempFile {
  TempFile() {
    char name[] = "/tmp/ccp-sandbox-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/master.key";
    REQUIRE(writeFileAtomic(path, "secret", 0600).has_value());
  }
  ~TempFile() {
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
  }
  std::string folder, path;
};

bool hasLandlock(Puppet& p) { return p.child->confinement().find("no landlock") == std::string::npos; }

}  // namespace

TEST_CASE("no network, no processes, no other processes, no kernel interfaces") {
  Puppet p;
  for (const char* what : {"socket", "unix_socket", "socketpair", "connect", "bind", "send_elsewhere", "fork", "vfork", "exec", "kill_parent", "tgkill_parent",
                           "ptrace_parent", "read_memory_of_parent", "mount", "unshare", "bpf", "perf", "keyctl", "userfaultfd", "io_uring", "setuid",
                           "more_memory", "dumpable", "outlive_parent"}) {
    CAPTURE(what);
    CHECK(p.ask("attempt", what) == std::to_string(EPERM));
  }
  CHECK(p.ask("attempt", "clone3") == std::to_string(ENOSYS));  // so that glibc falls back to clone
  CHECK(p.ask("attempt", "spawn") != "0");
  CHECK(p.ask("echo", "alive") == "alive");
}

TEST_CASE("no file is written, and only the system's libraries are read") {
  Puppet p;
  const TempFile secret;
  for (const char* what : {"write", "unlink", "mkdir", "chmod", "chdir"}) {
    CAPTURE(what);
    CHECK(p.ask("attempt", what, 0, secret.path) == std::to_string(EPERM));
  }
  CHECK(p.ask("attempt", "write_here") == std::to_string(EPERM));
  CHECK(p.ask("attempt", "read", 0, "/usr/lib/os-release") == "0");
  CHECK(p.ask("attempt", "read", 0, "/proc/self/maps") == "0");
  CHECK(p.ask("attempt", "big_file") == std::to_string(EFBIG));
  if (!hasLandlock(p)) {
    MESSAGE("this kernel has no Landlock: reading is not restricted");
    return;
  }
  CHECK(p.ask("attempt", "read", 0, secret.path) == std::to_string(EACCES));
  CHECK(p.ask("attempt", "list", 0, secret.folder) == std::to_string(EACCES));
  CHECK(p.ask("attempt", "read", 0, "/etc/passwd") == std::to_string(EACCES));
  const std::string parent = "/proc/" + std::to_string(::getpid());
  for (const char* file : {"/environ", "/maps", "/mem", "/cmdline"}) {
    CAPTURE(file);
    CHECK(p.ask("attempt", "read", 0, parent + file) == std::to_string(EACCES));
  }
  std::string content = *readFile(secret.path, 100);
  CHECK(content == "secret");
}

TEST_CASE("descriptors, memory and output are bounded") {
  Puppet p;
  const int made = std::atoi(p.ask("leak_fds").c_str());
  CHECK(made > 0);
  CHECK(made < 128);
  // Its socket works without a new descriptor; a large body needs one, and says so.
  CHECK(p.ask("echo", "alive") == "alive");
  test::TestCall call;
  CHECK(p.deed(call, "bytes", "", 1 << 20).rc == CCP_RC_RESOURCE_EXHAUSTED);
  CHECK(p.ask("echo", "alive") == "alive");
  Puppet q;
  test::TestCall big;
  CHECK(q.deed(big, "gigabyte").rc == CCP_RC_RESOURCE_EXHAUSTED);
  CHECK(q.ask("echo", "alive") == "alive");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  q.manifest.rss_bytes = 0;
  test::TestCall leak;
  CHECK(q.deed(leak, "leak_memory", "", 8192).rc == CCP_RC_RESOURCE_EXHAUSTED);
#endif
}

TEST_CASE("nothing of the parent is inherited: environment, descriptors, working directory") {
  ::setenv("CCP_SECRET_CANARY", "canary", 1);
  const TempFile secret;
  const int leaked = ::open(secret.path.c_str(), 0);  // without O_CLOEXEC, as a library would
  REQUIRE(leaked >= 0);
  Puppet p;
  const std::string proc = "/proc/" + std::to_string(p.child->pid());
  const auto environment = readFile(proc + "/environ", 65536);
  REQUIRE(environment.has_value());
  CHECK(environment->empty());
  char target[4096];
  for (int fd = 5; fd < 64; ++fd) {
    CAPTURE(fd);
    CHECK(::readlink((proc + "/fd/" + std::to_string(fd)).c_str(), target, sizeof target) < 0);
  }
  const ssize_t n = ::readlink((proc + "/cwd").c_str(), target, sizeof target);
  REQUIRE(n > 0);
  CHECK(std::string(target, static_cast<std::size_t>(n)).find("(deleted)") != std::string::npos);
  ::close(leaked);
  ::unsetenv("CCP_SECRET_CANARY");
}
