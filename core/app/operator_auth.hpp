// The operator's key: <state>/operator.key, an API key of no organization. Who can replace the file is
// the operator. Threads: thread-safe.
#pragma once

#include <string>

#include "core/app/key_file.hpp"
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
  KeyFile file_;
  http::RateLimiter failures_;
};

}  // namespace ccp::app
