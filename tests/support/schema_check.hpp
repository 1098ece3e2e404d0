// Holds JSON against a schema file, for tests of code that must not see the core's headers
// (plugins).
#pragma once

#include <string>

namespace ccp::test {

/// "" when `json` matches the schema in `file` (relative to the source tree), else what does not.
std::string schemaProblem(const std::string& file, const std::string& json);

}  // namespace ccp::test
