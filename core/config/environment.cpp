#include "core/config/environment.hpp"

#include <cctype>
#include <charconv>

#include "core/base/file.hpp"

namespace ccp::config {
namespace {

std::string variableName(const std::string& prefix, const std::string& key) {
  std::string out = prefix + "_";
  for (const char c : key) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

Result<Json> typedValue(const std::string& name, const std::string& text, const Json& rule) {
  const auto type = rule.strOr("type");
  if (type == "integer") {
    std::int64_t n = 0;
    const auto r = std::from_chars(text.data(), text.data() + text.size(), n);
    if (r.ec != std::errc() || r.ptr != text.data() + text.size()) {
      return fail(Errc::config_invalid, name + " must be an integer.");
    }
    return Json(static_cast<long long>(n));
  }
  if (type == "boolean") {
    if (text != "true" && text != "false") return fail(Errc::config_invalid, name + " must be true or false.");
    return Json(text == "true");
  }
  return Json(text);
}

Result<std::string> valueFromFile(const std::string& name, const std::string& path) {
  auto text = readFile(path, 1 << 16);
  if (!text) return fail(Errc::config_invalid, name + ": " + text.error().detail);
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  return text;
}

Status overlay(Json& value, const Json& schema, const std::string& prefix, const std::map<std::string, std::string>& environment) {
  for (const auto& [key, rule] : schema["properties"].members()) {
    const auto name = variableName(prefix, key);
    if (rule["properties"].isObject()) {
      Json section = value[key].isObject() ? value[key] : Json::object();
      const auto size_before = section.size();
      CCP_CHECK_OK(overlay(section, rule, name, environment));
      if (value.find(key) || section.size() != size_before) value.set(key, std::move(section));
      continue;
    }
    if (rule.strOr("type") == "array" || rule.strOr("type") == "object") continue;
    const auto direct = environment.find(name);
    const auto file = environment.find(name + "_FILE");
    // CCP_MASTER_KEY_FILE is itself a setting (master_key_file), not the file form of another.
    const bool has_file = file != environment.end() && !schema["properties"].find(key + "_file");
    if (direct != environment.end() && has_file) {
      return fail(Errc::config_invalid, name + " and " + name + "_FILE are both set; keep one.");
    }
    if (direct != environment.end()) {
      CCP_TRY(auto typed, typedValue(name, direct->second, rule));
      value.set(key, std::move(typed));
    } else if (has_file) {
      CCP_TRY(auto text, valueFromFile(name + "_FILE", file->second));
      CCP_TRY(auto typed, typedValue(name + "_FILE", text, rule));
      value.set(key, std::move(typed));
    }
  }
  return {};
}

}  // namespace

Status applyEnvironment(Json& value, const Json& schema, const std::map<std::string, std::string>& environment) {
  return overlay(value, schema, "CCP", environment);
}

}  // namespace ccp::config
