// Which lines of a policy can run: where its statements begin, except declarations of functions, which always
// do. A statement of several lines counts as one. Pure.
#pragma once

#include <string_view>
#include <vector>

namespace ccp::policy {

struct ExecutableLine {
  int first = 0;  ///< the statement's line
  int last = 0;   ///< its end; it ran when any line from first to last did
};

/// Sorted, each first line once; nothing when the source does not parse.
std::vector<ExecutableLine> executableLines(std::string_view source);

}  // namespace ccp::policy
