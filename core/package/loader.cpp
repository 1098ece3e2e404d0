#include "core/package/loader.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/base/log.hpp"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

struct Loaded {
  boost::dll::shared_library library;
  const ccp_plugin* plugin = nullptr;
};

/// Leaked on purpose: destroying it at exit would unload code that threads may still run.
struct Libraries {
  std::mutex mutex;
  std::map<std::string, Loaded*> by_hash;
};
Libraries& libraries() {
  static auto* all = new Libraries;
  return *all;
}

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

/// dlopen. The text of the failure comes with the throwing overload only (Boost 1.74).
Result<boost::dll::shared_library> open(const std::string& path) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  try {
    return boost::dll::shared_library(path, rtld_now | rtld_local);
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
}

/// Whether the system, not the library, is why an in-memory file could not be mapped.
bool systemForbids(const std::string& text) {
  return text.find("failed to map segment") != std::string::npos || text.find("Operation not permitted") != std::string::npos ||
         text.find("Permission denied") != std::string::npos || text.find("cannot open shared object") != std::string::npos;
}

Result<boost::dll::shared_library> openVerified(const Package& package, const std::string& state_dir) {
  const std::string& name = package.manifest.library;
  if (auto path = pathInMemory(name, package.library)) {
    auto library = open(*path);
    if (library || !systemForbids(library.error().detail)) return library;
    log::info("plugin_memfd_not_executable", {{"plugin", package.manifest.id}, {"detail", library.error().detail}});
  }
  CCP_TRY(const std::string path, pathInState(state_dir, name, package.library));
  return open(path);
}

}  // namespace

Result<std::string> pathInMemory(const std::string& name, const std::string& bytes) {
  int fd = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before Linux 6.3
  if (fd < 0) return refuse(std::string("memfd_create: ") + std::strerror(errno));
  const Status written = writeAll(fd, bytes, "memfd " + name);
  if (!written || ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
    const std::string why = written ? std::strerror(errno) : written.error().detail;
    ::close(fd);
    return refuse("memfd " + name + " cannot be sealed: " + why);
  }
  // Never closed: glibc knows libraries by name, and the number would come back for another one.
  return "/proc/self/fd/" + std::to_string(fd);
}

Result<std::string> pathInState(const std::string& state_dir, const std::string& name, const std::string& bytes) {
  const std::string hash = sha256Hex(bytes);
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
  return path;
}

std::size_t loadedLibraries() {
  const std::lock_guard lock(libraries().mutex);
  return libraries().by_hash.size();
}

Result<const ccp_plugin*> loadLibrary(const Package& package, const std::string& state_dir) {
  const std::string hash = sha256Hex(package.library);
  const std::lock_guard lock(libraries().mutex);
  auto& known = libraries().by_hash[hash];
  if (!known) {
    auto library = openVerified(package, state_dir);
    if (!library) {
      libraries().by_hash.erase(hash);
      return refuse("Plugin " + package.manifest.id + ": " + package.folder + "/" + package.manifest.library +
                    " cannot be loaded: " + library.error().detail + ". Install the release that was built for this system.");
    }
    known = new Loaded{std::move(*library), nullptr};
    if (known->library.has(CCP_ENTRY_SYMBOL)) {
      known->plugin = known->library.get<const ccp_plugin*()>(CCP_ENTRY_SYMBOL)();
    }
  }
  if (!known->plugin) {
    return refuse("Plugin " + package.manifest.id + ": " + package.folder + "/" + package.manifest.library + " exports no " CCP_ENTRY_SYMBOL
                  " that returns a descriptor. Build it with CCP_PLUGIN and ccp_add_plugin().");
  }
  CCP_CHECK_OK(checkDescriptor(known->plugin, package.manifest));
  return known->plugin;
}

}  // namespace ccp::plugin
