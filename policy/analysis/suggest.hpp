// "Did you mean …?" Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ccp::policy {

/// The nearest of `choices` (by insertions, deletions, changes and swaps of neighbours), or empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& choices);

}  // namespace ccp::policy
