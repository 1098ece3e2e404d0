// The verified bytes of a library as a file that nobody can change any more: a sealed memfd, or, where
// memory may not be executed, a content-addressed file of ours. dlopen in this process and
// ccp-plugin-host get this one descriptor, so that what runs is what was verified.
// Immutable; thread-safe. The descriptor lives as long as the object.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.hpp"

namespace ccp::plugin {

class SealedLibrary {
 public:
  /// `name` is for people who read /proc/PID/maps. `plugin_refused` says what the system forbids.
  static Result<std::shared_ptr<const SealedLibrary>> make(const std::string& state_dir, const std::string& name, const std::string& bytes);
  /// The two ways to have it; make() takes the first that may be executed.
  static Result<std::shared_ptr<const SealedLibrary>> inMemory(const std::string& name, const std::string& bytes);
  static Result<std::shared_ptr<const SealedLibrary>> inState(const std::string& state_dir, const std::string& name, const std::string& bytes);

  ~SealedLibrary();
  SealedLibrary(const SealedLibrary&) = delete;
  SealedLibrary& operator=(const SealedLibrary&) = delete;

  /// Read-only use; close-on-exec.
  int fd() const noexcept { return fd_; }
  const std::string& sha256() const noexcept { return sha256_; }
  /// What dlopen takes in this process: /proc/self/fd/N, or the path of the file.
  const std::string& path() const noexcept { return path_; }

 private:
  SealedLibrary(int fd, std::string path, std::string sha256) : fd_(fd), path_(std::move(path)), sha256_(std::move(sha256)) {}
  bool mayExecute() const noexcept;

  int fd_;
  std::string path_;
  std::string sha256_;
};

}  // namespace ccp::plugin
