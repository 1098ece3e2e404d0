#include "core/app/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/file.hpp"

namespace ccp::app {
namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Status checkMode(const std::string& file, config::Mode mode) {
  const std::string wanted = mode == config::Mode::dev ? "dev" : "prod";
  if (!fileExists(file)) return writeFileAtomic(file, wanted + "\n", 0600);
  CCP_TRY(const auto text, readFile(file, 64));
  const auto found = trimmed(text);
  if (found == wanted) return {};
  return fail(Errc::store_mode_mismatch, file + " says '" + found + "', the configuration says '" +
                                             wanted +
                                             "'. Name another state_dir; a directory that was used "
                                             "for development never serves production.");
}

}  // namespace

Result<StateDirectory> StateDirectory::open(const std::string& path, config::Mode mode) {
  CCP_CHECK_OK(makeDirectories(path, 0700));
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return fail(Errc::io_error, path + " is no directory");
  if ((info.st_mode & 0022) != 0)
    return fail(Errc::io_error, path + " can be written by others; run: chmod 700 " + path);
  const std::string lock = path + "/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::io_error, "cannot open " + lock + ": " + std::strerror(errno));
  StateDirectory out(path, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::io_error,
                "another ccpd uses " + path + "; stop it, or name another state_dir");
  }
  CCP_CHECK_OK(checkMode(out.file("mode"), mode));
  return out;
}

StateDirectory::~StateDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

}  // namespace ccp::app
