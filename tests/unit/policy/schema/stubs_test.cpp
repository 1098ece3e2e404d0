// What is made of the schemas for editors and readers.
#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "policy/schema/library.hpp"
#include "policy/schema/schema.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("the stubs are annotations and empty functions, and name every class that they use") {
  const auto stubs = luaStubs();
  CHECK(stubs.starts_with("---@meta\n"));
  std::set<std::string> classes, used;
  for (const auto& line : linesOf(stubs)) {
    if (line.empty()) continue;
    const bool annotation = line.starts_with("--");
    const bool declaration = line.ends_with(" = {}") || line.ends_with(" = nil") || (line.starts_with("function ") && line.ends_with(") end"));
    CHECK_MESSAGE((annotation || declaration), line);
    if (line.starts_with("---@class ")) CHECK_MESSAGE(classes.insert(line.substr(10)).second, line);
    if (!line.starts_with("---@field ")) continue;
    // "---@field name? Type # text": a type in capitals is a class.
    const auto at = line.find(' ', 10);
    const auto type = line.substr(at + 1, line.find(' ', at + 1) - at - 1);
    if (type[0] >= 'A' && type[0] <= 'Z') used.insert(type.substr(0, type.find('[')));
  }
  CHECK(classes.count("FeatureGateInput") == 1);
  CHECK(classes.count("FeatureGateInput.Subject") == 1);
  CHECK(classes.count("PrCheckResult") == 1);
  for (const auto& name : used) CHECK_MESSAGE(classes.count(name) == 1, name);
}

TEST_CASE("fields carry their type, whether they may be absent, and what they are") {
  const auto stubs = luaStubs();
  for (const auto* line : {"---@field entitled boolean # Whether the plan includes the feature. A policy may narrow that, never grant.",
                           "---@field action \"issue\"|\"refresh\"|\"status\" # When it is asked", "---@field role? \"owner\"|\"admin\"|\"member\"|\"viewer\"", "---@field scopes? string[] # ",
                           "---@field limits? table<string, integer> # ", "---@field fields table<string, nil|boolean|number|string> # ", "---@field findings PrCheckInput.FindingsItem[] # ", "---@field obligations? table<string, any> # "}) {
    CHECK_MESSAGE(stubs.find(line) != std::string::npos, std::string(line));
  }
}

TEST_CASE("every name of the library is declared") {
  const auto stubs = luaStubs();
  for (const auto& entry : library()) {
    const auto declaration = entry.constant ? "\n" + std::string(entry.name) + " = nil\n" : "\nfunction " + std::string(entry.name) + "(";
    CHECK_MESSAGE(stubs.find(declaration) != std::string::npos, entry.name);
  }
  CHECK(stubs.find("---@param before? fun(a: any, b: any): boolean\nfunction table.sort(list, before) end") != std::string::npos);
  CHECK(stubs.find("---@vararg any\n") != std::string::npos);
}

TEST_CASE("docs/reference/policy-points.md is what the schemas say") {
  std::ifstream in(std::string(CCP_SOURCE_DIR) + "/docs/reference/policy-points.md");
  std::stringstream text;
  text << in.rdbuf();
  std::vector<std::string> rows;
  const auto visit = [&rows](const auto& self, const Schema& schema, const std::string& prefix) -> void {
    for (const auto& name : schema.members()) {
      const auto below = *schema.below({name});
      const auto path = prefix + name;
      rows.push_back("| `" + path + "` | ");
      rows.push_back((schema.alwaysHas(name) ? " |  | " : " | may be absent | ") + below.description() + " |");
      if (below.type() == "object") self(self, below, path + ".");
      if (const auto item = below.below({"*"}); below.type() == "array" && item && item->type() == "object") self(self, *item, path + "[].");
    }
  };
  for (const auto& point : allPoints()) {
    visit(visit, inputSchema(point.point), "");
    visit(visit, resultSchema(point.point), "");
  }
  std::vector<std::string> found;
  for (const auto& line : linesOf(text.str())) {
    if (line.starts_with("| `")) found.push_back(line);
  }
  REQUIRE_MESSAGE(found.size() * 2 == rows.size(), "run scripts/gen-policy-points");
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK_MESSAGE(found[i].starts_with(rows[2 * i]), found[i], " run scripts/gen-policy-points");
    CHECK_MESSAGE(found[i].ends_with(rows[2 * i + 1]), found[i], " run scripts/gen-policy-points");
  }
}
