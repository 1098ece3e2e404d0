// Lua's headers for this room, compiled as C++ (so without extern "C"), and the guard around its functions.
#pragma once

#include <exception>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

namespace ccp::policy {

/// A C function for Lua: what it throws of ours becomes an error of the program. Lua's own errors are
/// exceptions of another type and pass.
template <lua_CFunction F>
int guarded(lua_State* L) {
  try {
    return F(L);
  } catch (const std::exception&) {
    return luaL_error(L, "the host function failed");
  }
}

}  // namespace ccp::policy
