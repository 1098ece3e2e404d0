// Every request that the plugin sends (fixtures/requests) against Stripe's official description,
// which is not part of the repository: without it this says so and skips.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "ccp/json.hpp"

namespace {

using ccp::json;
namespace fs = std::filesystem;

std::string contentOf(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path description() {
  const char* data = std::getenv("CCP_TEST_DATA");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(CCP_SOURCE_DIR) / "../shared/data";
  return root / "openapi/stripe-2025-10.json";
}

/// What the description of that year does not know yet; contracts of later API versions.
bool isNewer(const std::string& path) {
  for (const char* newer : {"/v1/billing/meter_events", "/v1/invoice_payments",
                            "/v1/entitlements/active_entitlements", "/v2/core/events/"}) {
    if (path.rfind(newer, 0) == 0) return true;
  }
  return false;
}

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> out;
  std::stringstream in(path);
  for (std::string part; std::getline(in, part, '/');) out.push_back(part);
  return out;
}

const json* operationOf(const json& spec, const std::string& method, const std::string& path) {
  std::string verb = method;
  std::transform(verb.begin(), verb.end(), verb.begin(),
                 [](char c) { return static_cast<char>(c + 32); });
  const auto wanted = segments(path);
  const json* variable = nullptr;
  for (const auto& [pattern, item] : spec["paths"].items()) {
    const auto have = segments(pattern);
    bool same = have.size() == wanted.size() && item.contains(verb), literal = true;
    for (std::size_t i = 0; same && i < have.size(); ++i) {
      const bool placeholder = !have[i].empty() && have[i][0] == '{';
      literal = literal && !placeholder;
      same = placeholder || have[i] == wanted[i];
    }
    if (same && literal) return &item[verb];
    if (same) variable = &item[verb];
  }
  return variable;
}

/// "a[b][0]" as {"a", "b", "0"}.
std::vector<std::string> keyPath(const std::string& key) {
  std::vector<std::string> out = {key.substr(0, key.find('['))};
  for (auto at = key.find('['); at != std::string::npos; at = key.find('[', at + 1))
    out.push_back(key.substr(at + 1, key.find(']', at) - at - 1));
  return out;
}

json nested(const json& pairs) {
  json out = json::object();
  for (const auto& [key, value] : pairs.items()) {
    json* place = &out;
    for (const auto& part : keyPath(key)) place = &(*place)[part];
    *place = value;
  }
  return out;
}

std::string wrongIn(const json& schema, const json& value, const std::string& where);

std::string wrongInObject(const json& schema, const json& value, const std::string& where) {
  if (!value.is_object()) return where + ": not an object";
  const json none = json::object();
  const json& properties = schema.contains("properties") ? schema["properties"] : none;
  for (const auto& [name, item] : value.items()) {
    if (properties.contains(name)) {
      const std::string problem = wrongIn(properties[name], item, where + "/" + name);
      if (!problem.empty()) return problem;
    } else if (!schema.contains("additionalProperties") ||
               schema["additionalProperties"] == false) {
      return where + "/" + name + ": Stripe has no such member";
    } else if (schema["additionalProperties"].is_object()) {
      const std::string problem = wrongIn(schema["additionalProperties"], item, where + "/" + name);
      if (!problem.empty()) return problem;
    }
  }
  if (schema.contains("required")) {
    for (const auto& name : schema["required"]) {
      if (!value.contains(name.get<std::string>()))
        return where + "/" + name.get<std::string>() + ": is required";
    }
  }
  return {};
}

/// Values of a form are texts; a schema that wants a number takes a text of digits.
std::string wrongIn(const json& schema, const json& value, const std::string& where) {
  if (schema.contains("anyOf")) {
    std::string first;
    for (const auto& choice : schema["anyOf"]) {
      const std::string problem = wrongIn(choice, value, where);
      if (problem.empty()) return {};
      if (first.empty()) first = problem;
    }
    return first;
  }
  const std::string type = schema.value("type", "object");
  if (type == "object") return wrongInObject(schema, value, where);
  if (type == "array") {
    if (!value.is_object()) return where + ": not a list";
    for (const auto& [index, item] : value.items()) {
      const std::string problem = wrongIn(schema["items"], item, where + "/" + index);
      if (!problem.empty()) return problem;
    }
    return {};
  }
  if (!value.is_string()) return where + ": not a text";
  const std::string text = value.get<std::string>();
  if (schema.contains("enum")) {
    const auto& words = schema["enum"];
    if (std::find(words.begin(), words.end(), json(text)) == words.end())
      return where + ": \"" + text + "\" is none of the words";
  }
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (type == "integer" && !digits) return where + ": not an integer";
  if (type == "boolean" && text != "true" && text != "false") return where + ": not a boolean";
  if (schema.contains("maxLength") && text.size() > schema["maxLength"].get<std::size_t>())
    return where + ": too long";
  return {};
}

std::string problemOf(const json& spec, const json& request) {
  const std::string method = request["method"].get<std::string>(),
                    path = request["path"].get<std::string>();
  const json* operation = operationOf(spec, method, path);
  if (operation == nullptr) return "no such operation";
  json query_schema = {
      {"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
  if (operation->contains("parameters")) {
    for (const auto& parameter : (*operation)["parameters"]) {
      if (parameter["in"] != "query") continue;
      query_schema["properties"][parameter["name"].get<std::string>()] = parameter["schema"];
      if (parameter.value("required", false)) query_schema["required"].push_back(parameter["name"]);
    }
  }
  const json* body =
      ccp::at(*operation, "/requestBody/content/application~1x-www-form-urlencoded/schema");
  // A DELETE takes its parameters in the query as well as in a body.
  const bool as_body = method == "DELETE" && body != nullptr;
  std::string problem = wrongIn(as_body ? *body : query_schema, nested(request["query"]), "query");
  if (problem.empty() && body != nullptr && method == "POST")
    problem = wrongIn(*body, nested(request["form"]), "form");
  return problem;
}

}  // namespace

TEST_CASE("every request is one that Stripe's official description knows") {
  if (!fs::exists(description())) {
    MESSAGE("skipped: no " << description().string());
    return;
  }
  const json spec = json::parse(contentOf(description()));
  int checked = 0, newer = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(CCP_SOURCE_DIR) /
                                                  "plugins/billing_stripe/fixtures/requests")) {
    const json request = json::parse(contentOf(entry.path()));
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    if (isNewer(request["path"].get<std::string>())) {
      ++newer;
      continue;
    }
    const std::string problem = problemOf(spec, request);
    CHECK_MESSAGE(problem.empty(), problem);
    ++checked;
  }
  CHECK(checked >= 25);
  CHECK(newer <= 6);
}

TEST_CASE("the check itself refuses what Stripe would refuse") {
  if (!fs::exists(description())) return;
  const json spec = json::parse(contentOf(description()));
  const auto sent = [](const char* path, json form) {
    return json{
        {"method", "POST"}, {"path", path}, {"query", json::object()}, {"form", std::move(form)}};
  };
  CHECK(problemOf(spec, sent("/v1/nothing", json::object())) == "no such operation");
  CHECK(!problemOf(spec, sent("/v1/checkout/sessions", {{"product", "x"}})).empty());
  CHECK(!problemOf(spec, sent("/v1/checkout/sessions", {{"mode", "subscribe"}})).empty());
  CHECK(!problemOf(spec, sent("/v1/checkout/sessions", {{"line_items[0][quantity]", "many"}}))
             .empty());
  CHECK(problemOf(spec, sent("/v1/checkout/sessions",
                             {{"mode", "subscription"}, {"success_url", "https://x"}}))
            .empty());
  CHECK(!problemOf(spec, sent("/v1/billing_portal/sessions", json::object())).empty());
}
