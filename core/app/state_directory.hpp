// <state>: made with 0700, locked by one ccpd at a time, and of one mode for ever.
#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"

namespace ccp::app {

class StateDirectory {
 public:
  /// `store_mode_mismatch` for a directory of the other mode, `io_error` when another ccpd runs in
  /// it or it cannot be used.
  static Result<StateDirectory> open(const std::string& path, config::Mode mode);
  StateDirectory(StateDirectory&& other) noexcept
      : path_(std::move(other.path_)), lock_fd_(other.lock_fd_) {
    other.lock_fd_ = -1;
  }
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  const std::string& path() const noexcept { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  StateDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_ = -1;
};

}  // namespace ccp::app
