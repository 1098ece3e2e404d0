// JSON written piece by piece, where building the values first would cost more than the text:
// header lists of webhooks. Everything else dumps a Json.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ccp {

/// The text as a JSON string; invalid UTF-8 becomes U+FFFD.
void appendJsonString(std::string& out, std::string_view text);

/// [["name","value"],…]
std::string jsonOfPairs(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace ccp
