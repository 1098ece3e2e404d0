// assert, error, pairs, select, tonumber, tostring, and utf8.
#include <algorithm>
#include <bit>
#include <string_view>
#include <vector>

#include "policy/engine/interpreter.hpp"
#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

constexpr int kManyResults = 256;

int baseAssert(lua_State* L) {
  luaL_checkany(L, 1);
  if (lua_toboolean(L, 1)) return lua_gettop(L);
  if (lua_type(L, 2) == LUA_TSTRING) {
    lua_settop(L, 2);
    return lua_error(L);
  }
  return luaL_error(L, "assertion failed!");
}

int baseError(lua_State* L) {
  const lua_Integer level = luaL_optinteger(L, 2, 1);
  if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "error() was called without a text");
  lua_settop(L, 1);
  if (level == 1 || level == 2) {
    luaL_where(L, static_cast<int>(level));
    lua_insert(L, 1);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

int baseSelect(lua_State* L) {
  static const lua_CFunction select = stock("base", "select");
  charge(L, static_cast<std::uint64_t>(lua_gettop(L)) / 8);
  return select(L);
}

int baseToNumber(lua_State* L) {
  static const lua_CFunction tonumber = stock("base", "tonumber");
  if (lua_type(L, 1) == LUA_TSTRING) charge(L, lua_rawlen(L, 1) / 16);
  return tonumber(L);
}

int baseToString(lua_State* L) {
  luaL_checkany(L, 1);
  switch (lua_type(L, 1)) {
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false"); break;
    case LUA_TNUMBER:
      charge(L, 16);
      plainNan(L, 1);
      lua_pushvalue(L, 1);
      lua_tolstring(L, -1, nullptr);
      break;
    case LUA_TSTRING: lua_pushvalue(L, 1); break;
    default: lua_pushstring(L, luaL_typename(L, 1)); break;  // never an address
  }
  return 1;
}

struct Key {
  int rank;  ///< numbers, strings, booleans
  bool integer;
  lua_Integer i;
  lua_Number n;
  std::string_view s;

  bool operator<(const Key& o) const noexcept {
    if (rank != o.rank) return rank < o.rank;
    if (rank == 1) return s < o.s;
    if (integer && o.integer) return i < o.i;
    // Every 64-bit integer is exact in a long double.
    return (integer ? static_cast<long double>(i) : static_cast<long double>(n)) <
           (o.integer ? static_cast<long double>(o.i) : static_cast<long double>(o.n));
  }
};

/// (table, previous key) → key, value; upvalues: the keys, how many were given, the table.
int pairsNext(lua_State* L) {
  const auto total = static_cast<lua_Integer>(lua_rawlen(L, lua_upvalueindex(1)));
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
  std::uint64_t skipped = 0;
  while (at < total) {
    lua_rawgeti(L, lua_upvalueindex(1), ++at);
    lua_pushvalue(L, -1);
    ++skipped;
    if (lua_rawget(L, lua_upvalueindex(3)) == LUA_TNIL) {  // erased meanwhile
      lua_pop(L, 2);
      continue;
    }
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    charge(L, skipped);
    return 2;
  }
  charge(L, skipped);
  lua_pushnil(L);
  return 1;
}

int basePairs(lua_State* L) {
  lua_settop(L, 1);
  lua_pushvalue(L, 1);  // what the program gets back: never the table behind a read-only one
  lua_insert(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  readable(L, 2);
  std::vector<Key> keys;
  std::uint64_t bytes = 0;
  for (lua_pushnil(L); lua_next(L, 2) != 0; lua_pop(L, 1)) {
    Key key{};
    switch (lua_type(L, -2)) {
      case LUA_TNUMBER:
        key.integer = lua_isinteger(L, -2);
        key.i = key.integer ? lua_tointeger(L, -2) : 0;
        key.n = key.integer ? 0 : lua_tonumber(L, -2);
        break;
      case LUA_TSTRING: {
        std::size_t size = 0;
        const char* text = lua_tolstring(L, -2, &size);
        key.rank = 1;
        key.s = {text, size};
        bytes += size;
        break;
      }
      case LUA_TBOOLEAN:
        key.rank = 2;
        key.integer = true;
        key.i = lua_toboolean(L, -2);
        break;
      default: return luaL_error(L, "pairs: keys must be numbers, strings or booleans, to have an order");
    }
    keys.push_back(key);
    if (keys.size() % 64 == 0) charge(L, 64);
  }
  charge(L, 32 + (keys.size() + bytes / 64) * static_cast<std::uint64_t>(std::bit_width(keys.size())) / 2);
  std::sort(keys.begin(), keys.end());
  lua_createtable(L, static_cast<int>(keys.size()), 0);
  lua_Integer i = 0;
  for (const Key& key : keys) {
    if (key.rank == 1) {
      lua_pushlstring(L, key.s.data(), key.s.size());
    } else if (key.rank == 2) {
      lua_pushboolean(L, static_cast<int>(key.i));
    } else if (key.integer) {
      lua_pushinteger(L, key.i);
    } else {
      lua_pushnumber(L, key.n);
    }
    lua_rawseti(L, 3, ++i);
  }
  lua_pushinteger(L, 0);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, guarded<pairsNext>, 3);
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

int utf8Codepoint(lua_State* L) {
  static const lua_CFunction codepoint = stock("utf8", "codepoint");
  checkText(L, 1);
  const lua_Integer from = luaL_optinteger(L, 2, 1);
  const lua_Integer to = luaL_optinteger(L, 3, from);
  const auto size = static_cast<lua_Integer>(lua_rawlen(L, 1));
  const lua_Integer first = from < 0 ? size + from + 1 : from;
  const lua_Integer last = to < 0 ? size + to + 1 : to;
  luaL_argcheck(L, first >= 1, 2, "out of bounds");
  luaL_argcheck(L, last <= size, 3, "out of bounds");
  if (last < first) return 0;
  luaL_argcheck(L, last - first < kManyResults, 3, "more than 256 results");
  charge(L, 4 + static_cast<std::uint64_t>(last - first) / 8);
  return codepoint(L);
}

int utf8Len(lua_State* L) {
  static const lua_CFunction len = stock("utf8", "len");
  charge(L, 2 + checkText(L, 1).size() / 16);
  return len(L);
}

int utf8Char(lua_State* L) {
  static const lua_CFunction build = stock("utf8", "char");
  const int count = lua_gettop(L);
  luaL_argcheck(L, count <= kManyResults, kManyResults, "more than 256 arguments");
  charge(L, 2 + static_cast<std::uint64_t>(count));
  return build(L);
}

}  // namespace

const luaL_Reg kBaseFunctions[] = {{"assert", guarded<baseAssert>},     {"error", guarded<baseError>},
                                   {"pairs", guarded<basePairs>},       {"select", guarded<baseSelect>},
                                   {"tonumber", guarded<baseToNumber>}, {"tostring", guarded<baseToString>},
                                   {nullptr, nullptr}};
const luaL_Reg kUtf8Functions[] = {{"char", guarded<utf8Char>}, {"codepoint", guarded<utf8Codepoint>}, {"len", guarded<utf8Len>}, {nullptr, nullptr}};

}  // namespace ccp::policy
