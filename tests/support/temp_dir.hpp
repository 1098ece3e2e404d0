// A folder that is removed with its content.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace ccp::test {

class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  /// In memory where that is possible: for tests of many small files, whose fsync costs nothing there.
  static TempDir inMemory() {
    std::error_code ignored;
    const bool there = std::filesystem::is_directory("/dev/shm", ignored) && ::access("/dev/shm", W_OK) == 0;
    return TempDir(there ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  explicit TempDir(const std::filesystem::path& parent) : path_((parent / "ccp-test-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  }
  std::string path_;
};

}  // namespace ccp::test
