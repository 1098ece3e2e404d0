// A key of no organization in a file of the state directory (operator.key, introspection.key). The file
// is the source: a replaced one counts from the next question on, one that others can read lets nobody in.
// Threads: thread-safe; looks at the file at every call.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/random.hpp"

namespace ccp::app {

class KeyFile {
 public:
  /// Makes the file (0600) with a new key when it is not there. `config_invalid` when what is there is no
  /// key of this prefix, `unavailable` when others can read it.
  static Status prepare(const std::string& file, std::string_view prefix, Random& random);
  KeyFile(std::string file, std::string prefix) : file_(std::move(file)), prefix_(std::move(prefix)) {}

  /// Is this the key? An empty or half-written file holds none.
  Result<bool> matches(std::string_view secret);

 private:
  /// Hash of the key in the file, read again when the file has changed.
  Result<std::string> hash();

  const std::string file_;
  const std::string prefix_;
  std::mutex mutex_;
  std::string hash_;
  std::string stamp_;  ///< device, inode, size and time of what was read
};

}  // namespace ccp::app
