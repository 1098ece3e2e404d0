#include "policy/engine/library.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "policy/engine/interpreter.hpp"

namespace ccp::policy {
namespace {

/// A host table in front of the real one: index 1 of its metatable is the real one.
constexpr int kReal = 1;

int refuseWrite(lua_State* L) { return luaL_error(L, "this table is read-only"); }

int frozenLength(lua_State* L) {
  readable(L, 1);
  lua_pushinteger(L, static_cast<lua_Integer>(lua_rawlen(L, 1)));
  return 1;
}

enum class Kind { plain, frozen, recording };

/// Replaces the table at `arg` by the one that holds the contents.
Kind unwrap(lua_State* L, int arg) {
  if (!lua_getmetatable(L, arg)) return Kind::plain;
  const int type = lua_rawgeti(L, -1, kReal);
  if (type == LUA_TTABLE) {
    lua_replace(L, arg);
    lua_pop(L, 1);
    return Kind::frozen;
  }
  lua_pop(L, 2);
  if (type != LUA_TBOOLEAN) return Kind::plain;  // a decision's globals
  Input::materialize(L, arg);
  return Kind::recording;
}

void pushJson(lua_State* L, const Json& value) {
  luaL_checkstack(L, 6, "data is nested too deeply");
  if (value.isNull()) {
    lua_pushnil(L);
  } else if (const auto b = value.asBool(); value.isBool()) {
    lua_pushboolean(L, *b);
  } else if (value.isInt()) {
    lua_pushinteger(L, *value.asInt());
  } else if (value.isDouble()) {
    lua_pushnumber(L, *value.asDouble());
  } else if (const std::string* s = value.asString()) {
    lua_pushlstring(L, s->data(), s->size());
  } else if (value.isArray()) {
    lua_createtable(L, static_cast<int>(value.items().size()), 0);
    lua_Integer i = 0;
    for (const Json& item : value.items()) {
      pushJson(L, item);
      lua_rawseti(L, -2, ++i);
    }
    freeze(L);
  } else {
    lua_createtable(L, 0, static_cast<int>(value.members().size()));
    for (const auto& [name, member] : value.members()) {
      lua_pushlstring(L, name.data(), name.size());
      pushJson(L, member);
      lua_rawset(L, -3);
    }
    freeze(L);
  }
}

void pushMath(lua_State* L) {
  lua_createtable(L, 0, 14);
  for (const char* name : {"abs", "ceil", "floor", "fmod", "max", "min", "tointeger", "type", "ult"}) {
    lua_pushcfunction(L, stock("math", name));
    lua_setfield(L, -2, name);
  }
  lua_pushnumber(L, HUGE_VAL);
  lua_setfield(L, -2, "huge");
  lua_pushinteger(L, LUA_MAXINTEGER);
  lua_setfield(L, -2, "maxinteger");
  lua_pushinteger(L, LUA_MININTEGER);
  lua_setfield(L, -2, "mininteger");
  lua_pushnumber(L, 3.141592653589793);
  lua_setfield(L, -2, "pi");
}

/// With room for `more` names; no more than needed, since every program has its own.
void pushFunctions(lua_State* L, const luaL_Reg* functions, int more = 0) {
  for (const luaL_Reg* f = functions; f->name != nullptr; ++f) ++more;
  lua_createtable(L, 0, more);
  luaL_setfuncs(L, functions, 0);
}

}  // namespace

lua_CFunction stock(const char* library, const char* name) {
  // Read once from a state of its own; plain C functions are the same in every state.
  static const auto* const all = [] {
    auto* out = new std::map<std::string, lua_CFunction, std::less<>>;
    lua_State* L = luaL_newstate();
    const std::array<luaL_Reg, 4> libraries{{{"base", luaopen_base}, {"string", luaopen_string}, {"math", luaopen_math}, {"utf8", luaopen_utf8}}};
    for (const luaL_Reg& lib : libraries) {
      lua_pushcfunction(L, lib.func);
      lua_call(L, 0, 1);
      for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        if (lua_CFunction f = lua_tocfunction(L, -1)) (*out)[std::string(lib.name) + "." + lua_tostring(L, -2)] = f;
      }
      lua_pop(L, 1);
    }
    lua_close(L);
    return out;
  }();
  return all->find(std::string(library) + "." + name)->second;
}

void charge(lua_State* L, std::uint64_t units) { budgetOf(L).charge(L, units); }

std::string_view checkText(lua_State* L, int arg) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(L, arg, &size);
  return {text, size};
}

void plainNan(lua_State* L, int arg) {
  if (lua_type(L, arg) != LUA_TNUMBER || lua_isinteger(L, arg) || !std::isnan(lua_tonumber(L, arg))) return;
  lua_pushnumber(L, std::copysign(std::numeric_limits<lua_Number>::quiet_NaN(), 1.0));
  lua_replace(L, arg);
}

void readable(lua_State* L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  unwrap(L, arg);
}

void writable(lua_State* L, int arg) {
  luaL_checktype(L, arg, LUA_TTABLE);
  if (unwrap(L, arg) == Kind::frozen) refuseWrite(L);
}

void freeze(lua_State* L) {
  lua_newtable(L);  // the front, always empty
  lua_createtable(L, 1, 3);
  lua_pushvalue(L, -3);
  lua_rawseti(L, -2, kReal);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuseWrite);
  lua_setfield(L, -2, "__newindex");
  lua_pushcfunction(L, guarded<frozenLength>);
  lua_setfield(L, -2, "__len");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

void pushGlobalsMeta(lua_State* L, const Json& data) {
  lua_createtable(L, 0, 1);  // the metatable
  pushFunctions(L, kBaseFunctions, 8);
  for (const char* name : {"ipairs", "type"}) {
    lua_pushcfunction(L, stock("base", name));
    lua_setfield(L, -2, name);
  }
  lua_pushstring(L, LUA_VERSION);
  lua_setfield(L, -2, "_VERSION");

  pushFunctions(L, kStringFunctions);
  // Methods of strings are the same functions; arithmetic on strings is an error.
  lua_pushliteral(L, "");
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
  freeze(L);
  lua_setfield(L, -2, "string");

  pushFunctions(L, kTableFunctions);
  freeze(L);
  lua_setfield(L, -2, "table");
  pushMath(L);
  freeze(L);
  lua_setfield(L, -2, "math");
  pushFunctions(L, kUtf8Functions);
  freeze(L);
  lua_setfield(L, -2, "utf8");

  pushFunctions(L, kCcpFunctions, 1);
  pushJson(L, data);
  lua_setfield(L, -2, "data");
  freeze(L);
  lua_setfield(L, -2, "ccp");

  lua_setfield(L, -2, "__index");
}

}  // namespace ccp::policy
