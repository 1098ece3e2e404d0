#include "policy/schema/schema.hpp"

#include <algorithm>
#include <cmath>

#include "policy/schema/node.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kMaxFindings = 32;

std::string pointerTo(const std::string& pointer, std::string_view name) {
  std::string out = pointer + '/';
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::int64_t codePoints(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::string numberText(double value) {
  return std::floor(value) == value && std::abs(value) < 1e15 ? std::to_string(static_cast<std::int64_t>(value))
                                                              : Json(value).dump();
}

constexpr std::pair<unsigned, const char*> kNames[] = {
    {1, "null"}, {2, "boolean"}, {4, "integer"}, {8, "number"}, {16, "string"}, {32, "array"}, {64, "object"}};

std::string namesOf(unsigned types) {
  std::string out;
  for (const auto& [bit, name] : kNames) {
    // "number" includes integers.
    if ((types & bit) == 0 || (bit == 4 && (types & 8) != 0)) continue;
    if (!out.empty()) out += '|';
    out += name;
  }
  return out;
}

}  // namespace

/// One check; what it finds, in order of the value.
struct Schema::Checker {
  std::vector<FieldError> found;

  void add(const std::string& pointer, std::string rule) {
    if (found.size() < kMaxFindings) found.push_back({pointer, std::move(rule)});
  }

  static bool fitsType(const Node& node, const Json& value) {
    if (value.isNull()) return node.is(Node::null);
    if (value.isBool()) return node.is(Node::boolean);
    if (value.isInt()) return node.is(Node::integer) || node.is(Node::number);
    if (value.isString()) return node.is(Node::string);
    if (value.isArray()) return node.is(Node::array);
    if (value.isObject()) return node.is(Node::object);
    const double number = value.asDouble().value_or(0);
    if (!std::isfinite(number)) return false;
    // 3.0 is an integer, as in JSON Schema: Lua divides that way.
    return node.is(Node::number) || (node.is(Node::integer) && std::floor(number) == number);
  }

  void check(const Node& node, const Json& value, const std::string& pointer) {
    if (found.size() >= kMaxFindings) return;
    if (!fitsType(node, value)) {
      // An empty Lua table is both; what the engine makes of it must not decide.
      const bool empty_table = (value.isArray() || value.isObject()) && value.empty();
      if (empty_table && node.is(Node::array)) return checkItems(node, value, pointer);
      if (empty_table && node.is(Node::object)) return checkMembers(node, value, pointer);
      add(pointer, "must be of type " + namesOf(node.types));
      return;
    }
    if (!node.values.empty() &&
        std::find(node.values.begin(), node.values.end(), value) == node.values.end()) {
      std::string list;
      for (const auto& each : node.values) list += (list.empty() ? "" : ", ") + each.dump();
      add(pointer, node.values.size() == 1 ? "must be " + list : "must be one of " + list);
      return;
    }
    if (const auto number = value.asDouble(); number && value.isNumber()) {
      if (node.minimum && *number < *node.minimum)
        add(pointer, "must be at least " + numberText(*node.minimum));
      if (node.maximum && *number > *node.maximum)
        add(pointer, "must be at most " + numberText(*node.maximum));
    }
    if (const auto* text = value.asString()) {
      const auto length = codePoints(*text);
      if (length < node.min_length)
        add(pointer, "must have at least " + std::to_string(node.min_length) + " characters");
      if (node.max_length >= 0 && length > node.max_length)
        add(pointer, "must have at most " + std::to_string(node.max_length) + " characters");
    }
    if (value.isArray()) checkItems(node, value, pointer);
    if (value.isObject()) checkMembers(node, value, pointer);
  }

  void checkItems(const Node& node, const Json& value, const std::string& pointer) {
    const auto count = static_cast<std::int64_t>(value.size());
    if (count < node.min_items)
      add(pointer, "must have at least " + std::to_string(node.min_items) + " items");
    if (node.max_items >= 0 && count > node.max_items)
      add(pointer, "must have at most " + std::to_string(node.max_items) + " items");
    if (!node.items) return;
    for (std::size_t i = 0; i < value.items().size(); ++i)
      check(*node.items, value.items()[i], pointer + '/' + std::to_string(i));
  }

  void checkMembers(const Node& node, const Json& value, const std::string& pointer) {
    for (const auto& name : node.required) {
      if (value.find(name) == nullptr) add(pointerTo(pointer, name), "is missing");
    }
    for (const auto& [name, member] : value.members()) {
      if (const auto* known = node.property(name))
        check(**known, member, pointerTo(pointer, name));
      else if (node.additional)
        check(*node.additional, member, pointerTo(pointer, name));
      else if (node.closed)
        add(pointerTo(pointer, name), "is not known here");
    }
  }
};

std::vector<FieldError> Schema::check(const Json& value) const {
  Checker checker;
  checker.check(*node_, value, "");
  return std::move(checker.found);
}

std::optional<Schema> Schema::below(const std::vector<std::string>& path) const {
  static const auto anything = std::make_shared<Node>();
  auto at = node_;
  for (const auto& name : path) {
    Node::Ptr next;
    if (name == "*" && at->is(Node::array)) {
      next = at->items ? at->items : anything;
    } else if (at->is(Node::object)) {
      if (const auto* known = at->property(name))
        next = *known;
      else if (at->additional)
        next = at->additional;
      else if (!at->closed)
        next = anything;
    }
    if (!next) return std::nullopt;
    at = next;
  }
  return Schema(at);
}

bool Schema::alwaysHas(std::string_view member) const noexcept { return node_->needs(member); }
bool Schema::isClosed() const noexcept { return node_->closed; }

std::vector<Json> Schema::domain() const {
  if (!node_->values.empty()) return node_->values;
  if (node_->only(Node::boolean)) return {Json(false), Json(true)};
  return {};
}

std::string Schema::description() const { return node_->text.strOr("description"); }
std::string Schema::type() const { return node_->types == Node::any ? "" : namesOf(node_->types); }

std::vector<std::string> Schema::members() const {
  std::vector<std::string> out;
  for (const auto& [name, node] : node_->properties) out.push_back(name);
  return out;
}

const Json& Schema::text() const noexcept { return node_->text; }

}  // namespace ccp::policy
