// The operator's key: <state>/operator.key, an API key of no organization. The file is the source:
// who can replace it is the operator. A replaced file counts from the next request on. Threads:
// thread-safe.
#pragma once

#include <mutex>
#include <string>

#include "core/base/random.hpp"
#include "core/http/message.hpp"
#include "core/http/rate_limit.hpp"

namespace ccp::app {

class OperatorAuth {
 public:
  /// Makes the file (0600) when it is not there; refuses one that others can read.
  static Status prepare(const std::string& file, Random& random);
  OperatorAuth(std::string file, const Clock& clock);

  /// The principal of `Authorization: Bearer ccp_op_…`; `unauthenticated`, `rate_limited` after
  /// many wrong keys from one address.
  Result<http::Principal> authenticate(const http::Request& request);

 private:
  /// Hash of the key in the file, read again when the file has changed.
  Result<std::string> keyHash();

  std::string file_;
  http::RateLimiter failures_;
  std::mutex mutex_;
  std::string hash_;
  std::string stamp_;  ///< device, inode, size and time of what was read
};

}  // namespace ccp::app
