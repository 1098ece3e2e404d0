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
  std::string wrong = {};
  std::vector<std::string> path = {};  ///< where we are

  bool fail(const char* why) {
    wrong = "the result";
    for (const std::string& name : path) wrong += "/" + name;
    wrong += std::string(" ") + why;
    return false;
  }

  bool text(int index, std::string& out) {
    std::size_t size = 0;
    const char* data = lua_tolstring(L, index, &size);
    bytes += size;
    if (bytes > kMaxBytes) return fail("is longer than 64 KiB");
    if (!validUtf8({data, size})) return fail("is not UTF-8");
    out.assign(data, size);
    return true;
  }

  bool value(int index, Json& out, int depth) {
    if (++nodes > kMaxNodes) return fail("has more than 256 values");
    switch (lua_type(L, index)) {
      case LUA_TBOOLEAN: out = Json(lua_toboolean(L, index) != 0); return true;
      case LUA_TNUMBER: {
        if (lua_isinteger(L, index)) {
          out = Json(static_cast<long long>(lua_tointeger(L, index)));
          return true;
        }
        const lua_Number number = lua_tonumber(L, index);
        if (!std::isfinite(number)) return fail("is not finite");
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
      default: return fail("is no text, number, boolean or table");
    }
  }

  bool table(int index, Json& out, int depth) {
    if (depth > kMaxDepth) return fail("is nested deeper than 8");
    if (!lua_checkstack(L, 8)) return fail("is nested too deeply");
    readable(L, index);
    if (lua_getmetatable(L, index)) {
      lua_pop(L, 1);
      return fail("has a metatable");
    }
    std::vector<std::string> names;
    lua_Integer highest = 0;
    lua_Integer count = 0;
    for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
      if (nodes + static_cast<int>(names.size()) + count > kMaxNodes) {
        lua_pop(L, 2);
        return fail("has more than 256 values");
      }
      if (lua_type(L, -2) == LUA_TSTRING) {
        if (!text(-2, names.emplace_back())) return false;
      } else if (lua_isinteger(L, -2) && lua_tointeger(L, -2) >= 1) {
        highest = std::max(highest, lua_tointeger(L, -2));
        ++count;
      } else {
        return fail("has keys that are neither all texts nor 1 to n");
      }
    }
    if (highest != count || (count != 0 && !names.empty())) return fail("has keys that are neither all texts nor 1 to n");
    return count != 0 ? list(index, highest, out, depth) : object(index, names, out, depth);
  }

  bool list(int index, lua_Integer size, Json& out, int depth) {
    Json::Array items(static_cast<std::size_t>(size));
    for (lua_Integer i = 1; i <= size; ++i) {
      lua_rawgeti(L, index, i);
      path.push_back(std::to_string(i - 1));
      if (!value(lua_gettop(L), items[static_cast<std::size_t>(i - 1)], depth + 1)) return false;
      path.pop_back();
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
      path.push_back(name);
      if (!value(lua_gettop(L), member, depth + 1)) return false;
      path.pop_back();
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

/// The members that mean the same for every decision point.
std::string checkMembers(const Json& result) {
  if (!result["allow"].isBool()) return "`allow` in the result is not a boolean";
  for (const auto& [name, longest] : {std::pair{"reason", 1024}, {"effect", 128}, {"rule", 128}, {"lane", 128}}) {
    const Json* member = result.find(name);
    if (member == nullptr) continue;
    if (!member->isString()) return std::string("the result/") + name + " is no text";
    if (member->asString()->size() > static_cast<std::size_t>(longest)) return std::string("the result/") + name + " is longer than " + std::to_string(longest) + " bytes";
  }
  if (const Json* redact = result.find("redact")) {
    bool texts = redact->isArray();
    for (const Json& item : redact->items()) texts = texts && item.isString() && item.asString()->size() <= 256;
    if (!texts) return "the result/redact is no list of texts of at most 256 bytes";
  }
  const Json* obligations = result.find("obligations");
  if (obligations != nullptr && !obligations->isObject()) return "the result/obligations is no table with names";
  return {};
}

}  // namespace

std::string takeResult(lua_State* L, int index, Json& out) {
  Taker taker{L};
  index = lua_absindex(L, index);
  if (lua_type(L, index) != LUA_TTABLE) return "decide() returned no table";
  if (!taker.value(index, out, 1)) return taker.wrong;
  return checkMembers(out);
}

}  // namespace ccp::policy
