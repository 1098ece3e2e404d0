#include "policy/analysis/coverage.hpp"

#include <algorithm>
#include <map>

#include "policy/analysis/parser.hpp"
#include "policy/analysis/walk.hpp"

namespace ccp::policy {
namespace {

using lua::Stat;
using lua::StatKind;

/// `local x <const> = 1` leaves no instruction.
bool isConstant(const Stat& stat) {
  return stat.kind == StatKind::local &&
         std::all_of(stat.names.begin(), stat.names.end(), [](const auto& name) { return name.attribute == "const"; });
}

bool runs(const Stat& stat) {
  switch (stat.kind) {
    case StatKind::block:
    case StatKind::label:
    case StatKind::function:
    case StatKind::local_function:
    case StatKind::repeat_loop: return false;
    default: return !isConstant(stat);
  }
}

}  // namespace

std::vector<ExecutableLine> executableLines(std::string_view source) {
  const auto chunk = lua::parse(source);
  if (!chunk) return {};
  std::map<int, int> lines;
  const auto add = [&](int first, int last) {
    auto& end = lines[first];
    end = std::max({end, first, last});
  };
  lua::walk(*chunk->body, {[&](const Stat& stat) {
                             if (stat.kind == StatKind::if_else) {
                               for (const auto& condition : stat.values) add(condition->at.line, condition->end_line);
                             } else if (stat.kind == StatKind::repeat_loop) {
                               add(stat.values.front()->at.line, stat.values.front()->end_line);
                             } else if (runs(stat)) {
                               add(stat.at.line, stat.end_line);
                             }
                           },
                           nullptr, nullptr});
  std::vector<ExecutableLine> out;
  for (const auto& [first, last] : lines) out.push_back({first, last});
  return out;
}

}  // namespace ccp::policy
