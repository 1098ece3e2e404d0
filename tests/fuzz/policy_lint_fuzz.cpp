// Policy files as an attacker writes them: reading them ends, whatever they are, and findings have their place.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/analysis/coverage.hpp"
#include "policy/analysis/lint.hpp"
#include "policy/analysis/parser.hpp"
#include "policy/schema/schema.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::policy;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto point = allPoints()[data[0] % kPointCount].point;
  const std::string_view source = fuzz::text(data + 1, size - 1);
  const auto lines = static_cast<int>(1 + std::count_if(source.begin(), source.end(), [](char c) { return c == '\n' || c == '\r'; }));
  const auto findings = lintFile("p.lua", source, &inputSchema(point), &resultSchema(point));
  for (const auto& finding : findings) {
    CCP_REQUIRE(finding.line >= 1 && finding.line <= lines && finding.column >= 1);
    CCP_REQUIRE(!finding.code.empty() && !finding.message.empty() && !finding.next_step.empty() && finding.file == "p.lua");
  }
  const auto chunk = lua::parse(source);
  const bool syntax = std::any_of(findings.begin(), findings.end(), [](const Finding& each) { return each.code == "syntax"; });
  CCP_REQUIRE(chunk.has_value() || syntax || findings.size() == 200);
  const auto executable = executableLines(source);
  CCP_REQUIRE(chunk.has_value() || executable.empty());
  for (const auto& line : executable) CCP_REQUIRE(line.first >= 1 && line.first <= line.last && line.last <= lines);
  for (const auto& field : readFields(source)) CCP_REQUIRE(!field.path.empty() && field.path.size() <= 33);
  return 0;
}
