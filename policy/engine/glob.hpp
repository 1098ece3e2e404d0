// Patterns for branches and paths: `*` and `?` stay within a segment, `**` crosses `/`, and `**/` is any
// number of whole segments, also none. Everything else is itself. In time text × pattern, without backtracking.
#pragma once

#include <cstddef>
#include <string_view>

namespace ccp::policy {

inline constexpr std::size_t kMaxGlob = 256;

bool globMatches(std::string_view pattern, std::string_view text);

}  // namespace ccp::policy
