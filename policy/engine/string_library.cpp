// string: every function in linear time and charged for what it reads and makes. No Lua patterns.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "policy/engine/interpreter.hpp"
#include "policy/engine/glob.hpp"
#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

constexpr lua_Integer kManyBytes = 256;
/// Fuel of a call itself, beside its instructions.
constexpr std::uint64_t kCall = 2;

void chargeText(lua_State* L, std::size_t bytes) { charge(L, kCall + bytes / 64); }

/// A position as Lua counts: from 1, or from the end when negative.
lua_Integer fromStart(lua_Integer position, std::size_t size) {
  const auto length = static_cast<lua_Integer>(size);
  if (position >= 0) return position;
  return position < -length ? 0 : length + position + 1;
}

int stringLen(lua_State* L) {
  lua_pushinteger(L, static_cast<lua_Integer>(checkText(L, 1).size()));
  return 1;
}

template <class Fill>
int build(lua_State* L, std::size_t size, Fill fill) {
  budgetOf(L).string(L, size);
  luaL_Buffer buffer;
  char* out = luaL_buffinitsize(L, &buffer, size);
  fill(out);
  luaL_pushresultsize(&buffer, size);
  return 1;
}

// Only ASCII letters change, whatever the locale.
char lowered(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char uppered(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

int stringLower(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  chargeText(L, s.size());
  return build(L, s.size(), [&](char* out) { std::transform(s.begin(), s.end(), out, lowered); });
}

int stringUpper(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  chargeText(L, s.size());
  return build(L, s.size(), [&](char* out) { std::transform(s.begin(), s.end(), out, uppered); });
}

int stringReverse(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  chargeText(L, s.size());
  return build(L, s.size(), [&](char* out) { std::reverse_copy(s.begin(), s.end(), out); });
}

int stringSub(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  lua_Integer from = fromStart(luaL_checkinteger(L, 2), s.size());
  lua_Integer to = fromStart(luaL_optinteger(L, 3, -1), s.size());
  from = std::max<lua_Integer>(from, 1);
  to = std::min(to, static_cast<lua_Integer>(s.size()));
  const std::string_view part = from > to ? std::string_view() : s.substr(static_cast<std::size_t>(from - 1), static_cast<std::size_t>(to - from + 1));
  chargeText(L, part.size());
  lua_pushlstring(L, part.data(), part.size());
  return 1;
}

int stringByte(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const lua_Integer first = luaL_optinteger(L, 2, 1);
  lua_Integer from = fromStart(first, s.size());
  lua_Integer to = fromStart(luaL_optinteger(L, 3, first), s.size());
  from = std::max<lua_Integer>(from, 1);
  to = std::min(to, static_cast<lua_Integer>(s.size()));
  if (from > to) return 0;
  luaL_argcheck(L, to - from < kManyBytes, 3, "more than 256 results");
  charge(L, kCall + static_cast<std::uint64_t>(to - from) / 4);
  luaL_checkstack(L, static_cast<int>(to - from + 1), "too many results");
  for (lua_Integer i = from; i <= to; ++i) lua_pushinteger(L, static_cast<unsigned char>(s[static_cast<std::size_t>(i - 1)]));
  return static_cast<int>(to - from + 1);
}

int stringChar(lua_State* L) {
  const int count = lua_gettop(L);
  luaL_argcheck(L, count <= kManyBytes, static_cast<int>(kManyBytes), "more than 256 arguments");
  charge(L, kCall + static_cast<std::uint64_t>(count) / 2);
  std::array<char, static_cast<std::size_t>(kManyBytes)> out;
  for (int i = 1; i <= count; ++i) {
    const lua_Integer c = luaL_checkinteger(L, i);
    luaL_argcheck(L, c >= 0 && c <= 255, i, "value out of range");
    out[static_cast<std::size_t>(i - 1)] = static_cast<char>(c);
  }
  lua_pushlstring(L, out.data(), static_cast<std::size_t>(count));
  return 1;
}

int stringRep(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const lua_Integer n = luaL_checkinteger(L, 2);
  const std::string_view separator = lua_isnoneornil(L, 3) ? std::string_view() : checkText(L, 3);
  charge(L, kCall);
  if (n <= 0 || (s.empty() && separator.empty())) {
    lua_pushliteral(L, "");
    return 1;
  }
  // Both factors are small enough before they are multiplied.
  const auto times = static_cast<std::uint64_t>(n);
  if (times > kMaxString + 1) budgetOf(L).string(L, kMaxString + 1);
  const std::size_t size = s.size() * times + separator.size() * (times - 1);
  budgetOf(L).string(L, size);
  charge(L, size / 64);
  return build(L, size, [&](char* out) {
    // The first piece with its separator, then twice as much each time.
    char* end = std::copy(s.begin(), s.end(), out);
    if (times > 1) end = std::copy(separator.begin(), separator.end(), end);
    for (std::size_t done = static_cast<std::size_t>(end - out); done < size;) {
      const std::size_t more = std::min(done, size - done);
      std::memcpy(out + done, out, more);
      done += more;
    }
  });
}

/// Stock format, for conversions whose cost and result are the same everywhere.
int stringFormat(lua_State* L) {
  static const lua_CFunction format = stock("string", "format");
  const std::string_view form = checkText(L, 1);
  std::size_t total = form.size();
  int arg = 1;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] != '%') continue;
    if (++i < form.size() && form[i] == '%') continue;
    std::size_t digits = 0;
    while (i < form.size() && std::strchr("-+ #0", form[i]) != nullptr && form[i] != '\0') ++i, ++digits;
    if (digits > 5) return luaL_error(L, "format: too many flags");
    for (digits = 0; i < form.size() && form[i] >= '0' && form[i] <= '9'; ++i) ++digits;
    if (digits > 2) return luaL_error(L, "format: a width has at most two digits");
    if (i < form.size() && form[i] == '.') {
      ++i;
      for (digits = 0; i < form.size() && form[i] >= '0' && form[i] <= '9'; ++i) ++digits;
      if (digits > 2) return luaL_error(L, "format: a precision has at most two digits");
    }
    if (i >= form.size() || form[i] == '\0' || std::strchr("dixXcsfgGeE", form[i]) == nullptr) {
      return luaL_error(L, "format: only the conversions d i x X c s f g G e E and %% are there");
    }
    ++arg;
    plainNan(L, arg);
    if (form[i] == 's') {
      const int type = lua_type(L, arg);
      luaL_argcheck(L, type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL, arg, "no text for this type of value");
      if (type == LUA_TSTRING) total += lua_rawlen(L, arg);
    } else {
      total += 8;
    }
    charge(L, form[i] == 'f' ? 64 : std::strchr("eEgG", form[i]) != nullptr ? 32 : 2);
  }
  chargeText(L, total);
  budgetOf(L).string(L, total);
  return format(L);
}

const char* search(std::string_view s, std::string_view needle) {
  if (needle.empty()) return s.data();
  if (needle.size() > s.size()) return nullptr;
  return static_cast<const char*>(::memmem(s.data(), s.size(), needle.data(), needle.size()));
}

/// find(s, text [, from]): always plain.
int stringFind(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view needle = checkText(L, 2);
  lua_Integer from = fromStart(luaL_optinteger(L, 3, 1), s.size());
  from = std::max<lua_Integer>(from, 1);
  if (from > static_cast<lua_Integer>(s.size()) + 1) {
    lua_pushnil(L);
    return 1;
  }
  const std::string_view rest = s.substr(static_cast<std::size_t>(from - 1));
  chargeText(L, rest.size() * 2 + needle.size());
  const char* at = search(rest, needle);
  if (at == nullptr) {
    lua_pushnil(L);
    return 1;
  }
  const lua_Integer start = at - s.data() + 1;
  lua_pushinteger(L, start);
  lua_pushinteger(L, start + static_cast<lua_Integer>(needle.size()) - 1);
  return 2;
}

int stringContains(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view needle = checkText(L, 2);
  chargeText(L, s.size() * 2 + needle.size());
  lua_pushboolean(L, search(s, needle) != nullptr);
  return 1;
}

int stringStarts(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view start = checkText(L, 2);
  chargeText(L, start.size());
  lua_pushboolean(L, s.substr(0, start.size()) == start);
  return 1;
}

int stringEnds(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view end = checkText(L, 2);
  chargeText(L, end.size());
  lua_pushboolean(L, s.size() >= end.size() && s.substr(s.size() - end.size()) == end);
  return 1;
}

int stringSplit(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view separator = checkText(L, 2);
  luaL_argcheck(L, !separator.empty(), 2, "the separator is empty");
  chargeText(L, s.size() * 2 + separator.size());
  lua_settop(L, 2);
  lua_newtable(L);
  std::string_view rest = s;
  for (lua_Integer i = 1;; ++i) {
    charge(L, 4);
    const char* at = search(rest, separator);
    const std::size_t size = at == nullptr ? rest.size() : static_cast<std::size_t>(at - rest.data());
    lua_pushlstring(L, rest.data(), size);
    lua_rawseti(L, 3, i);
    if (at == nullptr) return 1;
    rest.remove_prefix(size + separator.size());
  }
}

int stringTrim(lua_State* L) {
  std::string_view s = checkText(L, 1);
  chargeText(L, s.size());
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t from = s.find_first_not_of(kSpace);
  s = from == std::string_view::npos ? std::string_view() : s.substr(from, s.find_last_not_of(kSpace) - from + 1);
  lua_pushlstring(L, s.data(), s.size());
  return 1;
}

int stringGlob(lua_State* L) {
  const std::string_view s = checkText(L, 1);
  const std::string_view pattern = checkText(L, 2);
  luaL_argcheck(L, pattern.size() <= kMaxGlob, 2, "the pattern is longer than 256 bytes");
  charge(L, kCall + (s.size() + 1) * (pattern.size() + 1) / 16);
  lua_pushboolean(L, globMatches(pattern, s));
  return 1;
}

}  // namespace

const luaL_Reg kStringFunctions[] = {
    {"len", guarded<stringLen>},         {"lower", guarded<stringLower>},   {"upper", guarded<stringUpper>},
    {"reverse", guarded<stringReverse>}, {"sub", guarded<stringSub>},       {"byte", guarded<stringByte>},
    {"char", guarded<stringChar>},       {"rep", guarded<stringRep>},       {"format", guarded<stringFormat>},
    {"find", guarded<stringFind>},       {"contains", guarded<stringContains>}, {"starts", guarded<stringStarts>},
    {"ends", guarded<stringEnds>},       {"split", guarded<stringSplit>},   {"trim", guarded<stringTrim>},
    {"glob", guarded<stringGlob>},       {nullptr, nullptr}};

}  // namespace ccp::policy
