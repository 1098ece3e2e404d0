// The table that decide() returned, to JSON: raw, bounded, and nothing in it that JSON has not.
#pragma once

#include <string>

#include "core/base/json.hpp"
#include "policy/engine/lua.hpp"

namespace ccp::policy {

/// Takes the value at `index`; on failure says what is wrong with it and where, otherwise nothing.
std::string takeResult(lua_State* L, int index, Json& out);

}  // namespace ccp::policy
