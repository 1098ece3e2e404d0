// JSON inside a plugin: nlohmann behind a bounded parser and getters that never convert or assert.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ccp/error.hpp"

namespace ccp {
inline namespace sdk_v1 {

using json = nlohmann::json;

namespace detail {

/// Whether brackets outside of strings nest at most `most` levels; of text that is no JSON, anything.
inline bool nestsWithin(std::string_view text, int most) noexcept {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
    } else if (c == '{' || c == '[') {
      if (++depth > most) return false;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return true;
}

}  // namespace detail

/// Parses one value, at most 64 levels deep (deeper ones overflow the stack when they are written or
/// copied). Throws Error INVALID_ARGUMENT.
inline json parseJson(std::string_view text) {
  // Looked at beforehand: nlohmann's parser with a callback takes twice as long.
  if (!detail::nestsWithin(text, 64)) throw Error::invalidArgument("JSON is nested deeper than 64 levels");
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& e) {
    throw Error::invalidArgument(std::string("not JSON: ") + e.what());
  }
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
