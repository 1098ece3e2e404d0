#include "core/package/sealed_library.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

Status writeAll(int fd, const std::string& bytes, const std::string& what) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return refuse(what + " cannot be written: " + std::strerror(errno));
    done += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace

SealedLibrary::~SealedLibrary() { ::close(fd_); }

bool SealedLibrary::mayExecute() const noexcept {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* at = ::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd_, 0);
  if (at == MAP_FAILED) return false;
  ::munmap(at, page);
  return true;
}

Result<std::shared_ptr<const SealedLibrary>> SealedLibrary::inMemory(const std::string& name, const std::string& bytes) {
  int fd = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before Linux 6.3
  if (fd < 0) return refuse(std::string("memfd_create: ") + std::strerror(errno));
  std::shared_ptr<const SealedLibrary> out(new SealedLibrary(fd, "/proc/self/fd/" + std::to_string(fd), sha256Hex(bytes)));
  CCP_CHECK_OK(writeAll(fd, bytes, "memfd " + name));
  if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    return refuse("memfd " + name + " cannot be sealed: " + std::strerror(errno));
  }
  return out;
}

Result<std::shared_ptr<const SealedLibrary>> SealedLibrary::inState(const std::string& state_dir, const std::string& name, const std::string& bytes) {
  std::string hash = sha256Hex(bytes);
  const std::string folder = state_dir + "/plugins/" + hash;
  CCP_CHECK_OK(makeDirectories(folder, 0700));
  struct stat st {};
  if (::lstat(folder.c_str(), &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(folder + " must be a folder that only the user of ccpd may write to. Remove it; ccpd makes it again.");
  }
  const std::string path = folder + "/" + name;
  CCP_CHECK_OK(writeFileAtomic(path, bytes, 0500));
  // What is loaded is what was verified, also when the disk lies.
  CCP_TRY(const std::string back, readFile(path, bytes.size() + 1));
  if (back != bytes) return refuse(path + " does not hold what was written to it.");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return refuse(path + " cannot be opened: " + std::strerror(errno));
  return std::shared_ptr<const SealedLibrary>(new SealedLibrary(fd, path, std::move(hash)));
}

Result<std::shared_ptr<const SealedLibrary>> SealedLibrary::make(const std::string& state_dir, const std::string& name, const std::string& bytes) {
  auto in_memory = inMemory(name, bytes);
  if (in_memory && (*in_memory)->mayExecute()) return in_memory;
  log::info("plugin_memfd_not_executable", {{"library", name}, {"detail", in_memory ? "memory files may not be executed" : in_memory.error().detail}});
  auto in_state = inState(state_dir, name, bytes);
  if (in_state && !(*in_state)->mayExecute()) {
    return refuse((*in_state)->path() + " may not be executed, nor may files in memory. Mount the state directory without noexec.");
  }
  return in_state;
}

}  // namespace ccp::plugin
