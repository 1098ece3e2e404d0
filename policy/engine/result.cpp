#include "policy/engine/result.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/engine/input.hpp"
#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

constexpr int kMaxDepth = 8;
constexpr int kMaxNodes = 256;
constexpr std::size_t kMaxBytes = 64u << 10;

struct Taker {
  lua_State* L;
  int nodes = 0;
  std::size_t bytes = 0;
  const char* wrong = nullptr;

  bool fail(const char* why) {
    if (wrong == nullptr) wrong = why;
    return false;
  }

  bool text(int index, std::string& out) {
    std::size_t size = 0;
    const char* data = lua_tolstring(L, index, &size);
    bytes += size;
    if (bytes > kMaxBytes) return fail("the result is longer than 64 KiB");
    if (!validUtf8({data, size})) return fail("the result has a text that is not UTF-8");
    out.assign(data, size);
    return true;
  }

  bool value(int index, Json& out, int depth) {
    if (++nodes > kMaxNodes) return fail("the result has more than 256 values");
    switch (lua_type(L, index)) {
      case LUA_TBOOLEAN: out = Json(lua_toboolean(L, index) != 0); return true;
      case LUA_TNUMBER: {
        if (lua_isinteger(L, index)) {
          out = Json(static_cast<long long>(lua_tointeger(L, index)));
          return true;
        }
        const lua_Number number = lua_tonumber(L, index);
        if (!std::isfinite(number)) return fail("the result has a number that is not finite");
        out = Json(number);
        return true;
      }
      case LUA_TSTRING: {
        std::string s;
        if (!text(index, s)) return false;
        out = Json(std::move(s));
        return true;
      }
      case LUA_TTABLE: return table(index, out, depth);
      default: return fail("the result has a value that is no text, number, boolean or table");
    }
  }

  bool table(int index, Json& out, int depth) {
    if (depth > kMaxDepth) return fail("the result is nested deeper than 8");
    if (!lua_checkstack(L, 8)) return fail("the result is nested too deeply");
    readable(L, index);
    if (lua_getmetatable(L, index)) {
      lua_pop(L, 1);
      return fail("the result has a table with a metatable");
    }
    std::vector<std::string> names;
    lua_Integer highest = 0;
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
      if (nodes + static_cast<int>(names.size()) + count > kMaxNodes) {
        lua_pop(L, 2);
        return fail("the result has more than 256 values");
      }
      if (lua_type(L, -2) == LUA_TSTRING) {
        if (!text(-2, names.emplace_back())) return false;
      } else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1) {
        highest = std::max(highest, lua_tointeger(L, -2));
        ++count;
      } else {
        return fail("the result has a table whose keys are neither all texts nor 1 to n");
      }
    }
    if (highest != count || (count != 0 && !names.empty())) return fail("the result has a table whose keys are neither all texts nor 1 to n");
    return count != 0 ? list(index, highest, out, depth) : object(index, names, out, depth);
  }

  bool list(int index, lua_Integer size, Json& out, int depth) {
    Json::Array items(static_cast<std::size_t>(size));
    for (lua_Integer i = 1; i <= size; ++i) {
      lua_rawgeti(L, index, i);
      if (!value(lua_gettop(L), items[static_cast<std::size_t>(i - 1)], depth + 1)) return false;
      lua_pop(L, 1);
    }
    out = Json::array(std::move(items));
    return true;
  }

  bool object(int index, std::vector<std::string>& names, Json& out, int depth) {
    std::sort(names.begin(), names.end());
    Json::Object members;
    for (std::string& name : names) {
      lua_pushlstring(L, name.data(), name.size());
      lua_rawget(L, index);
      Json member;
      if (!value(lua_gettop(L), member, depth + 1)) return false;
      lua_pop(L, 1);
      // An empty table is no list and no object: as if it were not there.
      if (member.isObject() && member.empty()) continue;
      members.emplace_back(std::move(name), std::move(member));
    }
    out = Json::object();
    *out.asObject() = std::move(members);
    return true;
  }
};

}  // namespace

const char* takeResult(lua_State* L, int index, Json& out) {
  Taker taker{L};
  index = lua_absindex(L, index);
  if (lua_type(L, index) != LUA_TTABLE) return "decide() returned no table";
  if (!taker.value(index, out, 1)) return taker.wrong;
  return out["allow"].isBool() ? nullptr : "`allow` in the result is not a boolean";
}

}  // namespace ccp::policy
