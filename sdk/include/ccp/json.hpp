// JSON inside a plugin: nlohmann behind a bounded parser and getters that never convert or assert.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ccp/error.hpp"

namespace ccp {
inline namespace sdk_v1 {

using json = nlohmann::json;

namespace detail {

// Eight characters at a time, for texts of kilobytes (a webhook's body): which of them are what is looked for,
// as a word with the high bit of each such byte set. Exact for "any of them"; see Bit Twiddling Hacks, haszero
// and hasless (graphics.stanford.edu/~seander/bithacks.html).
inline constexpr std::uint64_t kEach = 0x0101010101010101ULL;
inline constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
inline std::uint64_t wordAt(std::string_view text, std::size_t at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + at, sizeof word);
  return word;
}
inline std::uint64_t below(std::uint64_t word, unsigned char limit) noexcept { return (word - kEach * limit) & ~word & kHigh; }
inline std::uint64_t equal(std::uint64_t word, unsigned char c) noexcept { return below(word ^ kEach * c, 1); }

/// Behind the string that begins at text[at] == '"'; text.size() when it does not end.
inline std::size_t afterString(std::string_view text, std::size_t at) noexcept {
  for (++at; at < text.size(); ++at) {
    const void* quote = std::memchr(text.data() + at, '"', text.size() - at);
    if (!quote) break;
    const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(quote) - text.data());
    std::size_t slashes = 0;
    while (slashes < end - at && text[end - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return end + 1;
    at = end;
  }
  return text.size();
}

/// What ends a run of text in which a value neither begins nor ends: brackets and the start of a string.
inline constexpr std::array<bool, 256> kStructure = [] {
  std::array<bool, 256> out{};
  for (const char c : {'"', '{', '}', '[', ']'}) out[static_cast<unsigned char>(c)] = true;
  return out;
}();
inline std::size_t nextStructure(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && !kStructure[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

/// Whether brackets outside of strings nest at most `most` levels; of text that is no JSON, anything.
inline bool nestsWithin(std::string_view text, int most) noexcept {
  int depth = 0;
  for (std::size_t i = nextStructure(text, 0); i < text.size(); i = nextStructure(text, i)) {
    const char c = text[i];
    if (c == '"') {
      i = afterString(text, i);
      continue;
    }
    if (c == '{' || c == '[') {
      if (++depth > most) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
    ++i;
  }
  return true;
}

inline bool isJsonSpace(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Calls take(name, value) for each member of the outermost object, both as they stand in the text: a name
/// without its quotes, a value with its own. Looks into no value, so that whoever takes one parses it. False
/// when the outermost level is not one object; what was taken until then counts for nothing.
template <class Take>
bool eachMember(std::string_view text, const Take& take) {
  std::size_t i = 0;
  const auto space = [&] {
    while (i < text.size() && isJsonSpace(text[i])) ++i;
    return i < text.size() ? text[i] : '\0';
  };
  const auto value = [&] {
    const std::size_t begin = i;
    int depth = 0;
    while (i < text.size()) {
      if (depth > 0) i = nextStructure(text, i);
      if (i == text.size()) break;
      const char c = text[i];
      if (c == '"') {
        i = afterString(text, i);
        if (depth == 0) break;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']' || c == ',' || isJsonSpace(c)) {
        if (depth == 0) break;  // behind a scalar
        if ((c == '}' || c == ']') && --depth == 0) {
          ++i;
          break;
        }
      }
      ++i;
    }
    return text.substr(begin, i - begin);
  };
  if (space() != '{') return false;
  ++i;
  if (space() == '}') {
    ++i;
    return space() == '\0' && i == text.size();
  }
  while (space() == '"') {
    const std::size_t begin = i + 1;
    i = afterString(text, i);
    if (i <= begin || text[i - 1] != '"') return false;
    const std::string_view name = text.substr(begin, i - begin - 1);
    if (space() != ':') return false;
    ++i;
    space();
    const std::string_view found = value();
    if (found.empty()) return false;
    take(name, found);
    const char next = space();
    ++i;
    if (next == '}') {
      space();
      return i == text.size();
    }
    if (next != ',') return false;
  }
  return false;
}

/// What a string holds when there is nothing to unescape and nothing to check: printable ASCII.
inline bool isPlain(std::string_view content) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= content.size(); i += 8) {
    const std::uint64_t word = wordAt(content, i);
    if (((word & kHigh) | below(word, ' ') | equal(word, 0x7f) | equal(word, '\\') | equal(word, '"')) != 0) return false;
  }
  bool plain = true;
  for (; i < content.size(); ++i) {
    const char c = content[i];
    plain &= c >= ' ' && c <= '~' && c != '\\' && c != '"';
  }
  return plain;
}
inline bool isPlainString(std::string_view value) noexcept {
  return value.size() >= 2 && value.front() == '"' && value.back() == '"' && isPlain(value.substr(1, value.size() - 2));
}

inline json parseWithin(std::string_view text, int levels) {
  // Looked at beforehand: nlohmann's parser with a callback takes twice as long.
  if (!nestsWithin(text, levels))
    throw Error::invalidArgument("JSON is nested deeper than 64 levels");
  // For nlohmann a NUL is the end, whatever stands behind it.
  if (text.find('\0') != std::string_view::npos) throw Error::invalidArgument("not JSON: it has a NUL");
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& e) {
    throw Error::invalidArgument(std::string("not JSON: ") + e.what());
  }
}

}  // namespace detail

/// Parses one value, at most 64 levels deep (deeper ones overflow the stack when they are written
/// or copied). Throws Error INVALID_ARGUMENT.
inline json parseJson(std::string_view text) {
  return detail::parseWithin(text, 64);
}

/// The same for what the host sends. Long strings of the outermost object (a webhook's body in base64) are
/// taken as they stand: nlohmann's lexer looks at every character by itself.
inline json parseInput(std::string_view text) {
  if (text.size() < 1024) return parseJson(text);
  json out = json::object();
  bool plain = true;
  const bool whole = detail::eachMember(text, [&](std::string_view name, std::string_view value) {
    // nlohmann skips a byte order mark in front of what it parses, and this value is in the middle.
    plain = plain && detail::isPlain(name) && value.front() != '\xef';
    if (plain)
      out[std::string(name)] = detail::isPlainString(value)
                                   ? json(value.substr(1, value.size() - 2))
                                   : detail::parseWithin(value, 63);
  });
  return whole && plain ? out : parseJson(text);
}

/// The scalars with these names in the outermost object, as an object; of a name that comes twice the last,
/// as parseJson has it. Reads nothing else, so that a few facts of a large text cost little; of what is no JSON
/// it says nothing, or anything.
inline json peekJson(std::string_view text, std::initializer_list<std::string_view> names) {
  json out = json::object();
  if (text.find('\0') != std::string_view::npos) return out;
  const auto take = [&](std::string_view name, std::string_view value) {
    std::string unescaped;
    if (name.find('\\') != std::string_view::npos) {
      const json read = json::parse('"' + std::string(name) + '"', nullptr, false);
      if (read.is_string()) unescaped = read.get<std::string>();
      name = unescaped;
    }
    for (const auto& wanted : names) {
      if (wanted != name) continue;
      json read = value.front() == '{' || value.front() == '[' ? json() : json::parse(value.begin(), value.end(), nullptr, false);
      out[std::string(wanted)] = read.is_discarded() ? json() : std::move(read);
    }
  };
  return detail::eachMember(text, take) ? out : json::object();
}

/// Compact text; invalid UTF-8 becomes U+FFFD.
inline std::string dumpJson(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The member, or nullptr when it is absent, null, or `object` is no object.
inline const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(std::string(key));
  return it == object.end() || it->is_null() ? nullptr : &*it;
}
/// The value at a JSON pointer ("/data/items/0"), or nullptr when it is absent or null.
inline const json* at(const json& value, const std::string& pointer) {
  const json::json_pointer p(pointer);
  if (!value.contains(p)) return nullptr;
  const json& found = value.at(p);
  return found.is_null() ? nullptr : &found;
}

inline std::optional<std::string> optStr(const json& object, std::string_view key) {
  const json* v = member(object, key);
  if (!v || !v->is_string()) return std::nullopt;
  return v->get<std::string>();
}
inline std::string strOr(const json& object, std::string_view key, std::string fallback = {}) {
  auto v = optStr(object, key);
  return v ? std::move(*v) : std::move(fallback);
}
/// A required string; INVALID_ARGUMENT names it.
inline std::string str(const json& object, std::string_view key) {
  auto v = optStr(object, key);
  if (!v) throw Error::invalidArgument("\"" + std::string(key) + "\" must be a string");
  return std::move(*v);
}
/// An integer that fits; a fraction or a larger number is no integer.
inline std::optional<std::int64_t> optInt(const json& object, std::string_view key) {
  const json* v = member(object, key);
  if (!v || !v->is_number_integer()) return std::nullopt;
  if (v->is_number_unsigned() &&
      v->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return v->get<std::int64_t>();
}
inline std::int64_t intOr(const json& object, std::string_view key, std::int64_t fallback = 0) {
  return optInt(object, key).value_or(fallback);
}
inline std::int64_t integer(const json& object, std::string_view key) {
  const auto v = optInt(object, key);
  if (!v) throw Error::invalidArgument("\"" + std::string(key) + "\" must be an integer");
  return *v;
}
inline bool boolOr(const json& object, std::string_view key, bool fallback = false) {
  const json* v = member(object, key);
  return v && v->is_boolean() ? v->get<bool>() : fallback;
}
/// The id in a secret reference of the configuration, {"$secret":"polar/token"}; empty when absent.
inline std::string secretRef(const json& config, std::string_view key) {
  const json* v = member(config, key);
  return v ? strOr(*v, "$secret") : std::string();
}

}  // namespace sdk_v1
}  // namespace ccp
