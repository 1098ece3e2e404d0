#include "tests/support/schema_check.hpp"

#include <fstream>
#include <map>
#include <sstream>

#include "core/config/schema_validator.hpp"

namespace ccp::test {

std::string schemaProblem(const std::string& file, const std::string& json) {
  static std::map<std::string, config::Schema> compiled;
  auto found = compiled.find(file);
  if (found == compiled.end()) {
    std::ifstream in(std::string(CCP_SOURCE_DIR) + "/" + file);
    std::stringstream text;
    text << in.rdbuf();
    const auto parsed = parseJson(text.str());
    if (!parsed) return file + ": " + parsed.error().detail;
    auto schema = config::Schema::compile(*parsed);
    if (!schema) return file + ": " + schema.error().detail;
    found = compiled.emplace(file, std::move(*schema)).first;
  }
  const auto value = parseJson(json);
  if (!value) return value.error().detail;
  const auto status = found->second.validate(*value);
  if (status) return {};
  std::string problem = file + ": " + status.error().detail;
  for (const auto& field : status.error().fields)
    problem += " " + field.pointer + ": " + field.rule + ";";
  return problem;
}

}  // namespace ccp::test
