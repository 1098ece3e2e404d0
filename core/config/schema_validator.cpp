#include "core/config/schema_validator.hpp"

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace ccp::config {
namespace {

nlohmann::json toNlohmann(const Json& value) {
  if (value.isNull()) return nullptr;
  if (const auto b = value.asBool()) return *b;
  if (value.isInt()) return *value.asInt();
  if (value.isDouble()) return *value.asDouble();
  if (const auto* s = value.asString()) return *s;
  if (value.isArray()) {
    auto out = nlohmann::json::array();
    for (const auto& item : value.items()) out.push_back(toNlohmann(item));
    return out;
  }
  auto out = nlohmann::json::object();
  for (const auto& [key, item] : value.members()) out[key] = toNlohmann(item);
  return out;
}

/// valijson names places as "<root>", "[key]", "[0]"; we name them as JSON pointers.
std::string pointerOf(const std::vector<std::string>& context) {
  std::string out;
  for (const auto& part : context) {
    if (part == "<root>") continue;
    out += "/" + (part.size() >= 2 && part.front() == '[' ? part.substr(1, part.size() - 2) : part);
  }
  return out;
}

Json fillDefaults(const Json& schema, const Json& root, const Json& value) {
  const Json* rules = &schema;
  if (const auto* ref = (*rules)["$ref"].asString(); ref && ref->starts_with("#")) {
    if (const auto* target = root.at(std::string_view(*ref).substr(1))) rules = target;
  }
  if (value.isArray() && (*rules)["items"].isObject()) {
    Json out = Json::array();
    for (const auto& item : value.items()) out.push(fillDefaults((*rules)["items"], root, item));
    return out;
  }
  if (!value.isObject()) return value;
  Json out = value;
  for (const auto& [name, rule] : (*rules)["properties"].members()) {
    if (const auto* present = out.find(name)) {
      out.set(name, fillDefaults(rule, root, *present));
    } else if (const auto* fallback = rule.find("default")) {
      out.set(name, fillDefaults(rule, root, *fallback));
    }
  }
  return out;
}

}  // namespace

struct Schema::Impl {
  Json source;
  valijson::Schema compiled;
};

Result<Schema> Schema::compile(const Json& schema) {
  auto impl = std::make_shared<Impl>();
  impl->source = schema;
  try {
    const auto document = toNlohmann(schema);
    const valijson::adapters::NlohmannJsonAdapter adapter(document);
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(adapter, impl->compiled);
  } catch (const std::exception& e) {
    return fail(Errc::validation_failed, std::string("The JSON Schema is not usable: ") + e.what() + ".");
  }
  return Schema(std::move(impl));
}

Status Schema::validate(const Json& value) const {
  try {
    const auto document = toNlohmann(value);
    const valijson::adapters::NlohmannJsonAdapter adapter(document);
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(impl_->compiled, adapter, &results)) return {};
    Error error{Errc::validation_failed, {}};
    // valijson reports from the inside out: the first finding is the closest to the fault.
    for (const auto& finding : results) {
      if (error.fields.size() < 8) error.fields.push_back({pointerOf(finding.context), finding.description});
    }
    const FieldError first = error.fields.empty() ? FieldError{"", "does not match the schema"} : error.fields.front();
    error.detail = (first.pointer.empty() ? std::string("The value") : first.pointer) + ": " + first.rule;
    return fail(std::move(error));
  } catch (const std::exception& e) {
    return fail(Errc::validation_failed, std::string("The value cannot be checked: ") + e.what() + ".");
  }
}

Json Schema::withDefaults(const Json& value) const { return fillDefaults(impl_->source, impl_->source, value); }

}  // namespace ccp::config
