#include "core/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ccp {
namespace {

tl::unexpected<Error> ioError(const std::string& doing, const std::string& path) {
  return fail(Errc::io_error, "Cannot " + doing + " " + path + ": " + std::strerror(errno) + ".");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<std::string> readFile(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return ioError("open", path);
  std::string out;
  char buffer[16384];
  for (;;) {
    const auto n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ioError("read", path);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > max_bytes) {
      return fail(Errc::io_error, path + " is larger than " + std::to_string(max_bytes) + " bytes.");
    }
  }
}

Status writeFileAtomic(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temp = path + ".tmp." + std::to_string(::getpid());
  // On a full disk what was begun must not stay and fill it further.
  const auto undone = [&temp](const std::string& doing, const std::string& what) {
    auto error = ioError(doing, what);
    ::unlink(temp.c_str());
    return error;
  };
  {
    const Descriptor file(::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (file.get() < 0) return ioError("create", temp);
    ::fchmod(file.get(), mode);  // umask must not widen or narrow what was asked for
    while (!content.empty()) {
      const auto n = ::write(file.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return undone("write", temp);
      content.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(file.get()) != 0) return undone("sync", temp);
  }
  if (::rename(temp.c_str(), path.c_str()) != 0) return undone("rename to", path);
  const auto folder = std::filesystem::path(path).parent_path();
  const Descriptor directory(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
  return {};
}

Status makeDirectories(const std::string& path, mode_t mode) {
  std::string made;
  for (const auto& part : std::filesystem::path(path)) {
    made = made.empty() ? part.string() : (std::filesystem::path(made) / part).string();
    if (made.empty() || made == "/") continue;
    if (::mkdir(made.c_str(), mode) != 0 && errno != EEXIST) return ioError("create folder", made);
  }
  return {};
}

bool fileExists(const std::string& path) noexcept { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace ccp
