// What a policy finds in the sandbox: every name, as editors and lint know it (docs/policy-guide). A test holds
// it against the engine. Values.
#pragma once

#include <span>
#include <string_view>

namespace ccp::policy {

struct LibraryEntry {
  std::string_view name;        ///< "tostring", "string.sub", "math.pi"
  std::string_view parameters;  ///< "s: string, i: integer, j?: integer"
  std::string_view returns;     ///< "string?"; of a constant its type
  std::string_view doc;
  bool constant = false;
};

std::span<const LibraryEntry> library() noexcept;

}  // namespace ccp::policy
