// Tables of what policies answer, shared by `ccp policy matrix` and `ccp policy diff`. One thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "policy/analysis/matrix.hpp"

namespace ccp::cli {

/// "org.plan=team": the value as JSON where it is JSON, else as text.
Outcome<std::map<std::string, Json>> readFixed(const std::vector<std::string>& words);
/// Plans and runs; says what to fix when there are too many combinations. Shows progress.
Outcome<policy::Matrix> enumerate(const Context& context, policy::Engine& engine,
                                  const std::vector<const policy::PackDocument*>& packs, policy::Point point,
                                  const std::map<std::string, Json>& fixed, std::uint64_t limit);
/// One cell of a row: "any", "free | team", "not team" or "absent".
std::string valuesText(const policy::MatrixField& field, const std::vector<std::size_t>& values);
/// "allow", "deny", "fault"
std::string verdictText(const Context& context, const policy::MatrixAnswer& answer);
Json valuesJson(const policy::MatrixField& field, const std::vector<std::size_t>& values);
Json answerJson(const policy::MatrixAnswer& answer);
Json planJson(const policy::MatrixPlan& plan);
/// A sentence on what was not varied; empty: nothing.
std::string heldText(const policy::MatrixPlan& plan);

}  // namespace ccp::cli
