// What a program finds: the allow-list of docs/policy-guide, and nothing else.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/json.hpp"
#include "policy/engine/lua.hpp"

namespace ccp::policy {

/// Leaves on the stack the metatable of every decision's globals: `__index` leads to the read-only base, with
/// `data` (an object) as ccp.data.
void pushGlobalsMeta(lua_State* L, const Json& data);

// For the libraries.
/// A string argument; raises when it is none. Numbers are strings for Lua.
std::string_view checkText(lua_State* L, int arg);
/// Puts the table that holds the contents in the place of argument `arg`: host tables are empty in front, so that
/// they cannot be changed. Raises when it is no table.
void readable(lua_State* L, int arg);
/// The same for a table that will be changed: raises for read-only ones.
void writable(lua_State* L, int arg);
/// Replaces the table on top by a read-only one with its contents.
void freeze(lua_State* L);
/// A NaN at `arg` loses its sign, which depends on the processor and would be written.
void plainNan(lua_State* L, int arg);
/// Fuel, out of Budget.
void charge(lua_State* L, std::uint64_t units);
/// The functions of stock Lua that stay as they are, by library and name.
lua_CFunction stock(const char* library, const char* name);

extern const luaL_Reg kBaseFunctions[];
extern const luaL_Reg kStringFunctions[];
extern const luaL_Reg kTableFunctions[];
extern const luaL_Reg kUtf8Functions[];
extern const luaL_Reg kCcpFunctions[];

}  // namespace ccp::policy
