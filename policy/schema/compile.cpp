#include <algorithm>
#include <array>

#include "policy/schema/node.hpp"

namespace ccp::policy {
namespace {

struct TypeName {
  std::string_view name;
  unsigned bits;
};
constexpr std::array<TypeName, 7> kTypes{{{"null", 1},
                                          {"boolean", 2},
                                          {"integer", 4},
                                          {"number", 4 | 8},
                                          {"string", 16},
                                          {"array", 32},
                                          {"object", 64}}};
constexpr std::array<std::string_view, 17> kKeywords{
    "type",      "properties", "required",  "additionalProperties", "items",    "enum",
    "const",     "minimum",    "maximum",   "minLength",            "maxLength", "minItems",
    "maxItems",  "description", "examples", "$schema",              "title"};
constexpr int kMaxDepth = 32;

tl::unexpected<Error> refuse(const std::string& pointer, const std::string& rule) {
  Error error{Errc::policy_document_invalid,
              "The schema is wrong at " + (pointer.empty() ? "/" : pointer) + ": " + rule + "."};
  error.fields.push_back({pointer, rule});
  return fail(std::move(error));
}

unsigned bitsOf(const Json& value) {
  if (value.isNull()) return 1;
  if (value.isBool()) return 2;
  if (value.isInt()) return 4;
  if (value.isDouble()) return 8;
  if (value.isString()) return 16;
  return value.isArray() ? 32 : 64;
}

Result<unsigned> typesOf(const Json& json, const std::string& at) {
  const auto one = [&](const Json& name) -> Result<unsigned> {
    const auto* text = name.asString();
    const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& type) {
      return text != nullptr && type.name == *text;
    });
    if (found == kTypes.end()) return refuse(at + "/type", "there is no such type");
    return found->bits;
  };
  if (!json.isArray()) return one(json);
  unsigned bits = 0;
  for (const auto& name : json.items()) {
    CCP_TRY(const unsigned more, one(name));
    bits |= more;
  }
  if (bits == 0) return refuse(at + "/type", "at least one type is needed");
  return bits;
}

Status readCount(const Json& json, std::string_view key, const std::string& at, std::int64_t& out) {
  const auto* value = json.find(key);
  if (value == nullptr) return {};
  const auto count = value->asInt();
  if (!count || *count < 0)
    return refuse(at + "/" + std::string(key), "a whole number from 0 is needed");
  out = *count;
  return {};
}

Status readBound(const Json& json, std::string_view key, const std::string& at,
                 std::optional<double>& out) {
  const auto* value = json.find(key);
  if (value == nullptr) return {};
  out = value->asDouble();
  if (!out) return refuse(at + "/" + std::string(key), "a number is needed");
  return {};
}

}  // namespace

struct Schema::Compiler {
  using NodePtr = std::shared_ptr<const Node>;

  static Result<NodePtr> compile(const Json& json, const std::string& at, int depth) {
    if (!json.isObject()) return refuse(at, "a schema is an object");
    if (depth > kMaxDepth) return refuse(at, "it is nested too deeply");
    for (const auto& [key, value] : json.members()) {
      if (std::find(kKeywords.begin(), kKeywords.end(), key) == kKeywords.end())
        return refuse(at + "/" + key, "this keyword is not supported");
    }
    auto node = std::make_shared<Node>();
    node->text = json;
    if (const auto* type = json.find("type")) {
      CCP_TRY(node->types, typesOf(*type, at));
    }
    CCP_CHECK_OK(members(json, at, depth, *node));
    if (const auto* items = json.find("items")) {
      CCP_TRY(node->items, compile(*items, at + "/items", depth + 1));
    }
    CCP_CHECK_OK(values(json, at, *node));
    CCP_CHECK_OK(readBound(json, "minimum", at, node->minimum));
    CCP_CHECK_OK(readBound(json, "maximum", at, node->maximum));
    CCP_CHECK_OK(readCount(json, "minLength", at, node->min_length));
    CCP_CHECK_OK(readCount(json, "maxLength", at, node->max_length));
    CCP_CHECK_OK(readCount(json, "minItems", at, node->min_items));
    CCP_CHECK_OK(readCount(json, "maxItems", at, node->max_items));
    const auto crossed = [](std::int64_t low, std::int64_t high) { return high >= 0 && low > high; };
    if (crossed(node->min_length, node->max_length) || crossed(node->min_items, node->max_items) ||
        (node->minimum && node->maximum && *node->minimum > *node->maximum))
      return refuse(at, "the lower bound is above the upper one");
    if (const auto* examples = json.find("examples")) {
      if (!examples->isArray()) return refuse(at + "/examples", "a list is needed");
      for (const auto& example : examples->items()) {
        if (!Schema(node).check(example).empty())
          return refuse(at + "/examples", "an example does not fit the schema");
      }
    }
    return NodePtr(node);
  }

  static Status members(const Json& json, const std::string& at, int depth, Node& node) {
    if (const auto* properties = json.find("properties")) {
      if (!properties->isObject()) return refuse(at + "/properties", "an object is needed");
      for (const auto& [name, schema] : properties->members()) {
        CCP_TRY(auto below, compile(schema, at + "/properties/" + name, depth + 1));
        node.properties.emplace_back(name, std::move(below));
      }
    }
    if (const auto* additional = json.find("additionalProperties")) {
      if (const auto open = additional->asBool()) {
        node.closed = !*open;
      } else {
        CCP_TRY(node.additional, compile(*additional, at + "/additionalProperties", depth + 1));
      }
    }
    if (const auto* required = json.find("required")) {
      if (!required->isArray()) return refuse(at + "/required", "a list is needed");
      for (const auto& name : required->items()) {
        if (!name.isString() || node.property(*name.asString()) == nullptr)
          return refuse(at + "/required", "only names that stand in properties can be required");
        node.required.push_back(*name.asString());
      }
    }
    return {};
  }

  static Status values(const Json& json, const std::string& at, Node& node) {
    const auto* constant = json.find("const");
    const auto* list = json.find("enum");
    if (constant != nullptr && list != nullptr)
      return refuse(at, "const and enum exclude each other");
    if (constant != nullptr) node.values.push_back(*constant);
    if (list != nullptr) {
      if (!list->isArray() || list->empty()) return refuse(at + "/enum", "a list is needed");
      node.values = list->items();
    }
    for (const auto& value : node.values) {
      if ((bitsOf(value) & node.types) == 0)
        return refuse(at, "a value of enum or const is not of the type");
    }
    return {};
  }
};

Schema::Schema(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

Result<Schema> Schema::compile(const Json& text) {
  CCP_TRY(auto node, Compiler::compile(text, "", 0));
  return Schema(std::move(node));
}

}  // namespace ccp::policy
