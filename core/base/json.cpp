#include "core/base/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "core/base/json_text.hpp"

namespace ccp {
namespace {

const Json kNull;
const Json::Array kNoItems;
const Json::Object kNoMembers;

const char* typeName(const Json& v) noexcept {
  if (v.isNull()) return "null";
  if (v.isBool()) return "a boolean";
  if (v.isNumber()) return "a number";
  if (v.isString()) return "a string";
  return v.isArray() ? "an array" : "an object";
}

/// Builds our own tree while nlohmann tokenises: depth, duplicate keys and number range are
/// checked on the way, so that no over-deep value ever exists.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return add(Json()); }
  bool boolean(bool v) override { return add(Json(v)); }
  bool number_integer(number_integer_t v) override { return add(Json(static_cast<long long>(v))); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(INT64_MAX)) return refuse("number beyond 64-bit range");
    return add(Json(static_cast<long long>(v)));
  }
  bool number_float(number_float_t v, const string_t& text) override {
    if (!std::isfinite(v)) return refuse("number out of range");
    // nlohmann turns an integer literal beyond 64 bits into a double: that loses digits silently.
    if (text.find_first_of(".eE") == std::string::npos) return refuse("number beyond 64-bit range");
    return add(Json(v));
  }
  bool string(string_t& v) override { return add(Json(std::move(v))); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    if (!stack_.back().keys.insert(v).second) return refuse("duplicate key \"" + v.substr(0, 64) + "\"");
    stack_.back().key = std::move(v);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse("syntax error at byte " + std::to_string(position));
  }

  Json root;
  std::string error;

 private:
  struct Level {
    Json value;
    std::string key = {};
    std::unordered_set<std::string> keys = {};
  };

  bool refuse(std::string why) {
    if (error.empty()) error = std::move(why);
    return false;
  }
  bool open(Json value) {
    if (static_cast<int>(stack_.size()) >= max_depth_) {
      return refuse("nested deeper than " + std::to_string(max_depth_) + " levels");
    }
    stack_.push_back(Level{std::move(value)});
    return true;
  }
  bool close() {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(done));
  }
  bool add(Json value) {
    if (stack_.empty()) {
      root = std::move(value);
      return true;
    }
    Level& top = stack_.back();
    if (auto* object = top.value.asObject()) {
      object->emplace_back(std::move(top.key), std::move(value));
    } else {
      top.value.asArray()->push_back(std::move(value));
    }
    return true;
  }

  int max_depth_;
  std::vector<Level> stack_;
};

void newline(std::string& out, int indent, int level) {
  if (indent < 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(indent * level), ' ');
}

void write(std::string& out, const Json& v, int indent, int level) {
  if (v.isNull()) {
    out += "null";
  } else if (auto b = v.asBool()) {
    out += *b ? "true" : "false";
  } else if (v.isInt()) {
    char buffer[24];
    auto end = std::to_chars(buffer, buffer + sizeof buffer, *v.asInt()).ptr;
    out.append(buffer, end);
  } else if (v.isDouble()) {
    out += nlohmann::json(*v.asDouble()).dump();
  } else if (const auto* s = v.asString()) {
    appendJsonString(out, *s);
  } else if (const auto* array = v.asArray()) {
    out += '[';
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (i) out += ',';
      newline(out, indent, level + 1);
      write(out, (*array)[i], indent, level + 1);
    }
    if (!array->empty()) newline(out, indent, level);
    out += ']';
  } else {
    const auto& members = v.members();
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i) out += ',';
      newline(out, indent, level + 1);
      appendJsonString(out, members[i].first);
      out += indent < 0 ? ":" : ": ";
      write(out, members[i].second, indent, level + 1);
    }
    if (!members.empty()) newline(out, indent, level);
    out += '}';
  }
}

}  // namespace

Json::Json() noexcept : value_(nullptr) {}
Json::Json(std::nullptr_t) noexcept : value_(nullptr) {}
Json::Json(bool v) noexcept : value_(v) {}
Json::Json(int v) noexcept : value_(static_cast<std::int64_t>(v)) {}
Json::Json(unsigned v) noexcept : value_(static_cast<std::int64_t>(v)) {}
Json::Json(long v) noexcept : value_(static_cast<std::int64_t>(v)) {}
Json::Json(long long v) noexcept : value_(static_cast<std::int64_t>(v)) {}
Json::Json(std::size_t v) noexcept : value_(static_cast<std::int64_t>(v)) {}
Json::Json(double v) noexcept : value_(v) {}
Json::Json(const char* v) : value_(std::string(v)) {}
Json::Json(std::string_view v) : value_(std::string(v)) {}
Json::Json(std::string v) noexcept : value_(std::move(v)) {}
Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

Json Json::object(std::initializer_list<Member> members) {
  Json out;
  out.value_ = Object(members);
  return out;
}

Json Json::array(Array items) {
  Json out;
  out.value_ = std::move(items);
  return out;
}

std::optional<bool> Json::asBool() const noexcept {
  if (const auto* v = std::get_if<bool>(&value_)) return *v;
  return std::nullopt;
}

std::optional<std::int64_t> Json::asInt() const noexcept {
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return *v;
  return std::nullopt;
}

std::optional<double> Json::asDouble() const noexcept {
  if (const auto* v = std::get_if<double>(&value_)) return *v;
  if (const auto* i = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*i);
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const noexcept {
  const auto* object = asObject();
  if (!object) return nullptr;
  for (const auto& member : *object) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

const Json& Json::operator[](std::string_view key) const noexcept {
  const auto* found = find(key);
  return found ? *found : kNull;
}

const Json* Json::at(std::string_view pointer) const noexcept {
  const Json* here = this;
  while (!pointer.empty()) {
    if (pointer.front() != '/') return nullptr;
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    std::string token(pointer.substr(0, end));
    pointer.remove_prefix(end);
    for (auto [from, to] : {std::pair{"~1", '/'}, std::pair{"~0", '~'}}) {
      for (auto at = token.find(from); at != std::string::npos; at = token.find(from, at + 1)) {
        token.replace(at, 2, 1, to);
      }
    }
    if (const auto* array = here->asArray()) {
      std::size_t index = 0;
      const auto parsed = std::from_chars(token.data(), token.data() + token.size(), index);
      if (parsed.ec != std::errc() || parsed.ptr != token.data() + token.size()) return nullptr;
      if (index >= array->size()) return nullptr;
      here = &(*array)[index];
    } else {
      here = here->find(token);
      if (!here) return nullptr;
    }
  }
  return here;
}

namespace {
tl::unexpected<Error> wrongMember(std::string_view key, const Json* found, const char* wanted) {
  Error error{Errc::validation_failed, {}};
  error.fields.push_back({"/" + std::string(key), found ? std::string("must be ") + wanted + ", not " + typeName(*found)
                                                        : std::string("is required (") + wanted + ")"});
  error.detail = "Field \"" + std::string(key) + "\" " + error.fields.back().rule;
  return fail(std::move(error));
}
}  // namespace

Result<std::string> Json::str(std::string_view key) const {
  const auto* found = find(key);
  if (found && found->isString()) return *found->asString();
  return wrongMember(key, found, "a string");
}

Result<std::int64_t> Json::integer(std::string_view key) const {
  const auto* found = find(key);
  if (found && found->isInt()) return *found->asInt();
  return wrongMember(key, found, "an integer");
}

Result<bool> Json::boolean(std::string_view key) const {
  const auto* found = find(key);
  if (found && found->isBool()) return *found->asBool();
  return wrongMember(key, found, "a boolean");
}

std::string Json::strOr(std::string_view key, std::string_view fallback) const {
  const auto* s = (*this)[key].asString();
  return s ? *s : std::string(fallback);
}

std::int64_t Json::intOr(std::string_view key, std::int64_t fallback) const noexcept {
  return (*this)[key].asInt().value_or(fallback);
}

bool Json::boolOr(std::string_view key, bool fallback) const noexcept {
  return (*this)[key].asBool().value_or(fallback);
}

std::optional<std::string> Json::optStr(std::string_view key) const {
  const auto* s = (*this)[key].asString();
  return s ? std::optional(*s) : std::nullopt;
}

std::optional<std::int64_t> Json::optInt(std::string_view key) const noexcept {
  return (*this)[key].asInt();
}

Json& Json::set(std::string_view key, Json value) {
  if (isNull()) value_ = Object();
  auto& object = std::get<Object>(value_);
  for (auto& member : object) {
    if (member.first == key) {
      member.second = std::move(value);
      return *this;
    }
  }
  object.emplace_back(std::string(key), std::move(value));
  return *this;
}

void Json::erase(std::string_view key) {
  if (auto* object = asObject()) {
    std::erase_if(*object, [&](const Member& member) { return member.first == key; });
  }
}

Json& Json::push(Json value) {
  if (isNull()) value_ = Array();
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::size_t Json::size() const noexcept {
  if (const auto* array = asArray()) return array->size();
  if (const auto* object = asObject()) return object->size();
  return 0;
}

const Json::Array& Json::items() const noexcept {
  const auto* array = asArray();
  return array ? *array : kNoItems;
}

const Json::Object& Json::members() const noexcept {
  const auto* object = asObject();
  return object ? *object : kNoMembers;
}

void appendJsonString(std::string& out, std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 && u < 0x7f && c != '"' && c != '\\';
  });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string jsonOfPairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out = "[";
  for (const auto& [first, second] : pairs) {
    out += out.size() > 1 ? ",[" : "[";
    appendJsonString(out, first);
    out += ',';
    appendJsonString(out, second);
    out += ']';
  }
  out += ']';
  return out;
}

std::string Json::dump() const {
  std::string out;
  write(out, *this, -1, 0);
  return out;
}

std::string Json::pretty() const {
  std::string out;
  write(out, *this, 2, 0);
  return out;
}

bool Json::operator==(const Json& other) const noexcept {
  const auto* mine = asObject();
  const auto* theirs = other.asObject();
  if (!mine || !theirs) return value_ == other.value_;
  if (mine->size() != theirs->size()) return false;
  return std::all_of(mine->begin(), mine->end(), [&](const Member& member) {
    const auto* found = other.find(member.first);
    return found && *found == member.second;
  });
}

Result<Json> parseJson(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(Errc::body_too_large, "The JSON text has " + std::to_string(text.size()) +
                                          " bytes; the limit is " + std::to_string(limits.max_bytes) + ".");
  }
  // nlohmann takes a NUL byte for the end of its input and skips a byte order mark; neither is JSON.
  if (text.find('\0') != std::string_view::npos) return fail(Errc::bad_json, "Not strict JSON: a NUL byte.");
  if (text.substr(0, 3) == "\xef\xbb\xbf") return fail(Errc::bad_json, "Not strict JSON: a byte order mark.");
  Builder builder(limits.max_depth);
  const bool ok = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!ok) return fail(Errc::bad_json, "Not strict JSON: " + (builder.error.empty() ? "syntax error" : builder.error) + ".");
  return std::move(builder.root);
}

}  // namespace ccp

template class std::vector<ccp::Json>;
template class std::vector<ccp::Json::Member>;
template struct std::pair<std::string, ccp::Json>;
