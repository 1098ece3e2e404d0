// Cuts a migration's text into statements. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace ccp::db {

/// Splits at ';' outside of 'text', "names", $tag$text$tag$, -- and /* */ comments; drops comments
/// around statements and empty statements. Fails with `internal` on an unterminated quote or
/// comment. SOCI's SQLite backend would run the first statement only and say nothing.
Result<std::vector<std::string>> splitStatements(std::string_view sql);

}  // namespace ccp::db
