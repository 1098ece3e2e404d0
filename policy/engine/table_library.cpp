// table: on raw contents, charged by elements. sort is a stable merge sort, so that a comparator that lies gets
// an order and not a loop.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "policy/engine/interpreter.hpp"
#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

constexpr lua_Integer kManyResults = 255;

/// A table with holes can have almost any length, also one that cannot be added to.
lua_Integer length(lua_State* L, int arg) {
  const auto size = static_cast<lua_Unsigned>(lua_rawlen(L, arg));
  if (size > 100'000'000) luaL_error(L, "this table is no list");
  return static_cast<lua_Integer>(size);
}
void chargeItems(lua_State* L, lua_Integer items) { charge(L, 2 + static_cast<std::uint64_t>(std::max<lua_Integer>(items, 0)) / 4); }

int tableConcat(lua_State* L) {
  readable(L, 1);
  const std::string_view separator = lua_isnoneornil(L, 2) ? std::string_view() : checkText(L, 2);
  const lua_Integer from = luaL_optinteger(L, 3, 1);
  const lua_Integer to = luaL_optinteger(L, 4, length(L, 1));
  lua_settop(L, 2);
  std::vector<char> out;
  for (lua_Integer i = from; i <= to; ++i) {
    const int type = lua_rawgeti(L, 1, i);
    if (type != LUA_TSTRING && type != LUA_TNUMBER) {
      return luaL_error(L, "invalid value (at index %I) in table for 'concat'", static_cast<LUAI_UACINT>(i));
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(L, -1, &size);
    charge(L, (type == LUA_TSTRING ? 1 : 4) + (size + separator.size()) / 32);
    budgetOf(L).string(L, out.size() + size + separator.size());
    out.insert(out.end(), text, text + size);
    if (i != to) out.insert(out.end(), separator.begin(), separator.end());
    lua_pop(L, 1);
    if (i == LUA_MAXINTEGER) break;
  }
  lua_pushlstring(L, out.data(), out.size());
  return 1;
}

int tableInsert(lua_State* L) {
  writable(L, 1);
  const lua_Integer end = length(L, 1) + 1;
  switch (lua_gettop(L)) {
    case 2: {
      charge(L, 1);
      lua_rawseti(L, 1, end);
      return 0;
    }
    case 3: {
      const lua_Integer at = luaL_checkinteger(L, 2);
      luaL_argcheck(L, at >= 1 && at <= end, 2, "position out of bounds");
      chargeItems(L, end - at);
      for (lua_Integer i = end; i > at; --i) {
        lua_rawgeti(L, 1, i - 1);
        lua_rawseti(L, 1, i);
      }
      lua_rawseti(L, 1, at);
      return 0;
    }
    default: return luaL_error(L, "wrong number of arguments to 'insert'");
  }
}

int tableRemove(lua_State* L) {
  writable(L, 1);
  const lua_Integer size = length(L, 1);
  lua_Integer at = luaL_optinteger(L, 2, size);
  if (lua_gettop(L) > 1) luaL_argcheck(L, (at >= 1 && at <= size + 1) || (size == 0 && at == 0), 2, "position out of bounds");
  chargeItems(L, size - at);
  lua_rawgeti(L, 1, at);
  for (; at < size; ++at) {
    lua_rawgeti(L, 1, at + 1);
    lua_rawseti(L, 1, at);
  }
  if (at >= 1 && at <= size) {
    lua_pushnil(L);
    lua_rawseti(L, 1, at);
  }
  return 1;
}

int tableUnpack(lua_State* L) {
  readable(L, 1);
  const lua_Integer from = luaL_optinteger(L, 2, 1);
  const lua_Integer to = luaL_optinteger(L, 3, length(L, 1));
  if (from > to) return 0;
  // The difference of two integers may wrap.
  const auto count = static_cast<lua_Unsigned>(to) - static_cast<lua_Unsigned>(from);
  if (count >= static_cast<lua_Unsigned>(kManyResults)) return luaL_error(L, "too many results to unpack");
  chargeItems(L, static_cast<lua_Integer>(count));
  luaL_checkstack(L, static_cast<int>(count) + 1, "too many results to unpack");
  for (lua_Unsigned i = 0; i <= count; ++i) lua_rawgeti(L, 1, static_cast<lua_Integer>(static_cast<lua_Unsigned>(from) + i));
  return static_cast<int>(count) + 1;
}

/// The elements lie on the stack from `base`; order is of their positions.
struct Sorter {
  lua_State* L;
  int base;
  bool compared;  ///< by a function of the program, at stack index 2
  std::vector<int> order, scratch;

  bool less(int a, int b) {
    const int left = base + a;
    const int right = base + b;
    if (compared) {
      charge(L, 2);
      lua_pushvalue(L, 2);
      lua_pushvalue(L, left);
      lua_pushvalue(L, right);
      lua_call(L, 2, 1);
      const bool out = lua_toboolean(L, -1) != 0;
      lua_pop(L, 1);
      return out;
    }
    if (lua_type(L, left) == LUA_TSTRING && lua_type(L, right) == LUA_TSTRING) {
      const std::string_view x = checkText(L, left);
      const std::string_view y = checkText(L, right);
      charge(L, 1 + std::min(x.size(), y.size()) / 64);
      return x < y;
    }
    charge(L, 1);
    return lua_compare(L, left, right, LUA_OPLT) != 0;
  }

  void sort(std::size_t from, std::size_t to) {
    if (to - from < 2) return;
    const std::size_t middle = from + (to - from) / 2;
    sort(from, middle);
    sort(middle, to);
    std::size_t a = from;
    std::size_t b = middle;
    for (std::size_t i = from; i < to; ++i) {
      const bool right = a == middle || (b < to && less(order[b], order[a]));
      scratch[i] = right ? order[b++] : order[a++];
    }
    std::copy(scratch.begin() + static_cast<std::ptrdiff_t>(from), scratch.begin() + static_cast<std::ptrdiff_t>(to),
              order.begin() + static_cast<std::ptrdiff_t>(from));
  }
};

int tableSort(lua_State* L) {
  writable(L, 1);
  const lua_Integer size = length(L, 1);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  if (size < 2) return 0;
  charge(L, 4 + static_cast<std::uint64_t>(size) * static_cast<std::uint64_t>(std::bit_width(static_cast<lua_Unsigned>(size))) / 2);
  luaL_argcheck(L, size < 100'000, 1, "array too big");
  luaL_checkstack(L, static_cast<int>(size) + LUA_MINSTACK, "array too big");
  Sorter sorter{L, 3, !lua_isnil(L, 2), {}, {}};
  sorter.order.resize(static_cast<std::size_t>(size));
  sorter.scratch.resize(static_cast<std::size_t>(size));
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_rawgeti(L, 1, i);
    sorter.order[static_cast<std::size_t>(i - 1)] = static_cast<int>(i - 1);
  }
  sorter.sort(0, sorter.order.size());
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_pushvalue(L, sorter.base + sorter.order[static_cast<std::size_t>(i - 1)]);
    lua_rawseti(L, 1, i);
  }
  return 0;
}

}  // namespace

const luaL_Reg kTableFunctions[] = {{"concat", guarded<tableConcat>}, {"insert", guarded<tableInsert>}, {"remove", guarded<tableRemove>},
                                    {"sort", guarded<tableSort>},     {"unpack", guarded<tableUnpack>}, {nullptr, nullptr}};

}  // namespace ccp::policy
