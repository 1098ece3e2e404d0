#include "sdk/conformance/example.hpp"

#include <algorithm>
#include <array>
#include <regex>

namespace ccp::kit {
namespace {

constexpr int kMaxDepth = 24;
constexpr std::size_t kMaxText = 4096;

/// Walks a pattern and writes the shortest text that it finds on the way.
class PatternReader {
 public:
  explicit PatternReader(std::string_view pattern) : in_(pattern) {}
  std::optional<std::string> read() {
    auto out = alternatives(0);
    if (!out || at_ != in_.size()) return std::nullopt;
    return out;
  }

 private:
  bool done() const { return at_ >= in_.size(); }

  std::optional<std::string> alternatives(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    std::optional<std::string> first;
    while (true) {
      auto one = sequence(depth);
      if (!one) return std::nullopt;
      if (!first) first = std::move(one);
      if (done() || in_[at_] != '|') return first;
      ++at_;
    }
  }

  std::optional<std::string> sequence(int depth) {
    std::string out;
    while (!done() && in_[at_] != '|' && in_[at_] != ')') {
      const char c = in_[at_];
      if (c == '^' || c == '$') {
        ++at_;
        continue;
      }
      const auto piece = c == '(' ? group(depth) : c == '[' ? oneOfClass() : literal();
      if (!piece) return std::nullopt;
      const auto times = quantifier();
      if (!times || piece->size() * *times + out.size() > kMaxText) return std::nullopt;
      for (std::size_t i = 0; i < *times; ++i) out += *piece;
    }
    return out;
  }

  std::optional<std::string> group(int depth) {
    ++at_;
    if (in_.substr(at_, 2) == "?:") {
      at_ += 2;
    } else if (!done() && in_[at_] == '?') {
      return std::nullopt;  // look-around
    }
    auto out = alternatives(depth + 1);
    if (!out || done() || in_[at_] != ')') return std::nullopt;
    ++at_;
    return out;
  }

  std::optional<std::string> literal() {
    char c = in_[at_++];
    if (c == '.') return "a";
    if (c != '\\') return std::string(1, c);
    if (done()) return std::nullopt;
    c = in_[at_++];
    if (c == 'd') return "0";
    if (c == 'w') return "a";
    if (c == 's') return " ";
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) return std::nullopt;  // back references, other classes
    return std::string(1, c);
  }

  /// A member of [a-z0-9_] or of [^/?]: the first allowed one of what reads well.
  std::optional<std::string> oneOfClass() {
    const auto begin = at_++;
    if (!done() && in_[at_] == '^') ++at_;
    if (!done() && in_[at_] == ']') ++at_;
    while (!done() && in_[at_] != ']') at_ += in_[at_] == '\\' ? 2 : 1;
    if (done()) return std::nullopt;
    ++at_;
    const std::string text(in_.substr(begin, at_ - begin));
    try {
      const std::regex one(text);
      for (const char c : std::string_view("a0A1_-.:/ +=")) {
        if (std::regex_match(std::string(1, c), one)) return std::string(1, c);
      }
    } catch (const std::regex_error&) {
      return std::nullopt;
    }
    return std::nullopt;
  }

  /// How often the piece before is repeated; at least what the pattern needs, once when it may be absent
  /// would only make longer texts.
  std::optional<std::size_t> quantifier() {
    if (done()) return 1;
    switch (in_[at_]) {
      case '?':
      case '*': ++at_; return 0;
      case '+': ++at_; return 1;
      case '{': break;
      default: return 1;
    }
    const auto end = in_.find('}', at_);
    if (end == std::string_view::npos) return std::nullopt;
    std::size_t count = 0;
    for (auto i = at_ + 1; i < end && in_[i] != ','; ++i) {
      if (in_[i] < '0' || in_[i] > '9' || count > kMaxText) return std::nullopt;
      count = count * 10 + static_cast<std::size_t>(in_[i] - '0');
    }
    at_ = end + 1;
    return count;
  }

  std::string_view in_;
  std::size_t at_ = 0;
};

class ExampleMaker {
 public:
  ExampleMaker(const Json& root, const ExampleOptions& options) : root_(root), options_(options) {}

  std::optional<Json> make(const Json& schema, int depth) {
    if (depth > kMaxDepth || !schema.isObject()) return schema.isObject() ? std::nullopt : std::optional<Json>(Json::object());
    if (const auto* ref = schema["$ref"].asString()) {
      const Json* target = ref->rfind("#/", 0) == 0 ? root_.at(std::string_view(*ref).substr(1)) : nullptr;
      return target ? make(*target, depth + 1) : std::nullopt;
    }
    if (const Json* fixed = schema.find("const")) return *fixed;
    if (!schema["examples"].empty()) return schema["examples"].items().front();
    if (const Json* preset = schema.find("default")) return *preset;
    if (!schema["enum"].empty()) return schema["enum"].items().front();
    for (const char* word : {"oneOf", "anyOf"}) {
      if (!schema[word].empty() && !schema.find("properties")) return make(schema[word].items().front(), depth + 1);
    }
    const std::string type = typeOf(schema);
    if (type == "object") return object(schema, depth);
    if (type == "array") return array(schema, depth);
    if (type == "string") return text(schema);
    if (type == "integer" || type == "number") return number(schema);
    if (type == "boolean") return Json(false);
    if (type == "null") return Json();
    return std::nullopt;
  }

 private:
  static std::string typeOf(const Json& schema) {
    const Json& type = schema["type"];
    if (const auto* one = type.asString()) return *one;
    if (!type.empty() && type.items().front().asString()) return *type.items().front().asString();
    if (schema.find("properties") || schema.find("required") || schema.find("allOf")) return "object";
    return schema.find("items") ? "array" : "string";
  }

  /// Members of the schema and of the parts that it is made of.
  void collect(const Json& schema, int depth, std::vector<const Json::Member*>& members, std::vector<std::string>& required) {
    if (depth > kMaxDepth) return;
    if (const auto* ref = schema["$ref"].asString()) {
      const Json* target = ref->rfind("#/", 0) == 0 ? root_.at(std::string_view(*ref).substr(1)) : nullptr;
      if (target) collect(*target, depth + 1, members, required);
    }
    for (const auto& member : schema["properties"].members()) members.push_back(&member);
    for (const auto& name : schema["required"].items()) {
      if (const auto* text = name.asString()) required.push_back(*text);
    }
    for (const auto& part : schema["allOf"].items()) {
      if (!part.find("if")) collect(part, depth + 1, members, required);
    }
    for (const char* word : {"oneOf", "anyOf"}) {
      if (!schema[word].empty()) collect(schema[word].items().front(), depth + 1, members, required);
    }
  }

  std::optional<Json> object(const Json& schema, int depth) {
    std::vector<const Json::Member*> members;
    std::vector<std::string> required;
    collect(schema, depth, members, required);
    Json out = Json::object();
    for (const auto* member : members) {
      const bool needed = std::find(required.begin(), required.end(), member->first) != required.end();
      if ((!needed && !options_.every_member) || out.find(member->first)) continue;
      auto value = options_.choose ? options_.choose(member->first, member->second) : std::nullopt;
      if (!value) value = make(member->second, depth + 1);
      if (!value && needed) return std::nullopt;
      if (value) out.set(member->first, std::move(*value));
    }
    for (const auto& name : required) {
      if (!out.find(name)) out.set(name, "x");
    }
    return out;
  }

  std::optional<Json> array(const Json& schema, int depth) {
    const auto least = std::max<std::int64_t>(schema.intOr("minItems"), options_.every_member ? 1 : 0);
    if (least > 1000) return std::nullopt;
    Json out = Json::array();
    for (std::int64_t i = 0; i < least && i <= schema.intOr("maxItems", least); ++i) {
      const Json& items = schema["items"];
      auto value = make(items.isArray() ? items.items()[std::min<std::size_t>(static_cast<std::size_t>(i), items.size() - 1)] : items, depth + 1);
      if (!value) return std::nullopt;
      out.push(std::move(*value));
    }
    return out;
  }

  static std::optional<Json> text(const Json& schema) {
    static constexpr std::array<const char*, 8> kReadable = {"2026-11-21T12:00:00Z", "user@example.com", "https://example.com/path", "EUR",
                                                             "events", "e30", "thing.happened", "2026-11"};
    const std::string format = schema.strOr("format");
    if (format == "date-time") return Json("2026-11-21T12:00:00Z");
    if (format == "uri") return Json("https://example.com/path");
    if (format == "email") return Json("user@example.com");
    if (const auto* pattern = schema["pattern"].asString()) {
      try {
        const std::regex matcher(*pattern, std::regex::ECMAScript);
        for (const char* candidate : kReadable) {
          if (std::regex_search(candidate, matcher)) return Json(candidate);
        }
      } catch (const std::regex_error&) {
        return std::nullopt;
      }
      auto made = textMatching(*pattern);
      return made ? std::optional<Json>(Json(std::move(*made))) : std::nullopt;
    }
    std::string out = "example";
    const auto least = static_cast<std::size_t>(std::clamp<std::int64_t>(schema.intOr("minLength"), 0, 100000));
    const auto most = static_cast<std::size_t>(std::clamp<std::int64_t>(schema.intOr("maxLength", 100000), 0, 100000));
    if (out.size() < least) out.append(least - out.size(), 'x');
    return Json(out.substr(0, most));
  }

  static std::optional<Json> number(const Json& schema) {
    const std::int64_t least = std::max(schema.intOr("minimum", 1), schema.find("exclusiveMinimum") ? schema.intOr("exclusiveMinimum") + 1 : std::int64_t{-1} << 53);
    return Json(std::min(least < 1 && schema.intOr("maximum", 1) >= 1 ? std::int64_t{1} : least, schema.intOr("maximum", std::int64_t{1} << 53)));
  }

  const Json& root_;
  const ExampleOptions& options_;
};

}  // namespace

std::optional<Json> exampleOf(const Json& schema, const ExampleOptions& options) { return ExampleMaker(schema, options).make(schema, 0); }

std::optional<std::string> textMatching(std::string_view pattern) {
  if (pattern.size() > 1024) return std::nullopt;
  return PatternReader(pattern).read();
}

}  // namespace ccp::kit
