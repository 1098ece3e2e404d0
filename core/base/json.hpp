// JSON as CCP sees it: a small value type, a strict parser and a writer. nlohmann_json does the
// parsing and the escaping behind json.cpp, so that no other file pays for its header, and no code
// meets its traps (docs/adr/0003-json.md).
// Objects keep the order in which keys were added. Thread safety: a value, as std::vector.
// Nearly every file holds a value of this type, so what makes, copies, moves and destroys it stands in
// json.cpp: inline, the visitors of the variant were compiled once per file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/error.hpp"

namespace ccp {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() noexcept;
  Json(std::nullptr_t) noexcept;
  Json(bool v) noexcept;
  Json(int v) noexcept;
  Json(unsigned v) noexcept;
  Json(long v) noexcept;
  Json(long long v) noexcept;
  Json(std::size_t v) noexcept;
  Json(double v) noexcept;
  Json(const char* v);
  Json(std::string_view v);
  Json(std::string v) noexcept;
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();
  template <class T>
  Json(const std::optional<T>& v) : Json() {
    if (v) *this = Json(*v);
  }

  /// Json::object({{"a", 1}, {"b", "x"}})
  static Json object(std::initializer_list<Member> members = {});
  static Json array(Array items = {});

  bool isNull() const noexcept { return std::holds_alternative<std::nullptr_t>(value_); }
  bool isBool() const noexcept { return std::holds_alternative<bool>(value_); }
  bool isInt() const noexcept { return std::holds_alternative<std::int64_t>(value_); }
  bool isDouble() const noexcept { return std::holds_alternative<double>(value_); }
  bool isNumber() const noexcept { return isInt() || isDouble(); }
  bool isString() const noexcept { return std::holds_alternative<std::string>(value_); }
  bool isArray() const noexcept { return std::holds_alternative<Array>(value_); }
  bool isObject() const noexcept { return std::holds_alternative<Object>(value_); }

  /// The value as a type, or nothing when it is of another type. No conversion ever happens,
  /// except that an integer is also a double.
  std::optional<bool> asBool() const noexcept;
  std::optional<std::int64_t> asInt() const noexcept;
  std::optional<double> asDouble() const noexcept;
  const std::string* asString() const noexcept { return std::get_if<std::string>(&value_); }
  const Array* asArray() const noexcept { return std::get_if<Array>(&value_); }
  const Object* asObject() const noexcept { return std::get_if<Object>(&value_); }
  Array* asArray() noexcept { return std::get_if<Array>(&value_); }
  Object* asObject() noexcept { return std::get_if<Object>(&value_); }

  /// Member of an object; nullptr when this is no object or has no such key.
  const Json* find(std::string_view key) const noexcept;
  /// Member of an object by key; a shared null value when absent. Chains: v["a"]["b"].
  const Json& operator[](std::string_view key) const noexcept;
  /// JSON pointer (RFC 6901), for example "/data/items/0/id"; nullptr when absent.
  const Json* at(std::string_view pointer) const noexcept;

  /// Checked getters for required members: `validation_failed` names the key and the type.
  Result<std::string> str(std::string_view key) const;
  Result<std::int64_t> integer(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;
  /// Getters for optional members: the default when absent, null or of another type.
  std::string strOr(std::string_view key, std::string_view fallback = {}) const;
  std::int64_t intOr(std::string_view key, std::int64_t fallback = 0) const noexcept;
  bool boolOr(std::string_view key, bool fallback = false) const noexcept;
  std::optional<std::string> optStr(std::string_view key) const;
  std::optional<std::int64_t> optInt(std::string_view key) const noexcept;

  /// Sets a member; makes an object of a null value. Returns *this for chaining.
  Json& set(std::string_view key, Json value);
  /// Removes a member if it is there.
  void erase(std::string_view key);
  /// Appends to an array; makes an array of a null value.
  Json& push(Json value);
  std::size_t size() const noexcept;
  bool empty() const noexcept { return size() == 0; }
  /// Items of an array; an empty list for everything else.
  const Array& items() const noexcept;
  /// Members of an object; an empty list for everything else.
  const Object& members() const noexcept;

  /// Compact text; invalid UTF-8 becomes U+FFFD, so that dumping never fails.
  std::string dump() const;
  /// Indented text for people.
  std::string pretty() const;

  /// Deep equality; objects are equal regardless of member order.
  bool operator==(const Json& other) const noexcept;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Bounds of one parse. `kMaxDepth` is also the deepest value that exists in the process.
struct JsonLimits {
  std::size_t max_bytes = 1 << 20;
  int max_depth = 64;
};

/// Strict RFC 8259: UTF-8, no duplicate keys, no trailing text, numbers within int64 or double,
/// depth and size bounded. Fails with `bad_json` (`body_too_large` beyond max_bytes).
Result<Json> parseJson(std::string_view text, const JsonLimits& limits = {});

}  // namespace ccp

extern template class std::vector<ccp::Json>;
extern template class std::vector<ccp::Json::Member>;
extern template struct std::pair<std::string, ccp::Json>;
