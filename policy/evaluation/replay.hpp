// Decides again what was decided before, with other policies: who would newly be denied or routed
// elsewhere. The core of `ccp policy replay`, of the shadow stage and of a promotion's diff.
#pragma once

#include <string>
#include <vector>

#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {

/// An input that was decided before: what it was and what came of it.
struct PastDecision {
  std::string id;
  std::string org;
  Point point = Point::feature_gate;
  std::string input;  ///< exact text; empty: not kept, cannot be decided again
  /// JSON pointers of values that are hidden in `input`: a policy that reads one of them, or something
  /// below it, would answer on the wrong value, which makes the line `indeterminate`.
  std::vector<std::string> masked;
  std::string input_sha256;
  bool allow = false;
  std::string lane;
  std::string rule;
};

enum class Flip : std::uint8_t { same, newly_denied, newly_allowed, rerouted, fault, indeterminate };
const char* toString(Flip flip) noexcept;

struct ReplayLine {
  PastDecision past;
  Decision now;
  Flip flip = Flip::same;
};
struct ReplayReport {
  std::int64_t total = 0, same = 0, newly_denied = 0, newly_allowed = 0, rerouted = 0, faults = 0, indeterminate = 0;
  std::vector<ReplayLine> flips;  ///< everything but `same`, by id, at most `max_lines`
  Duration p50{}, p99{};
  /// Share of what could be decided and came out otherwise.
  double flipRate() const noexcept;
};

/// Adds the figures of `more`; percentiles are the larger ones. Lines stay sorted by id, at most `max_lines`.
void merge(ReplayReport& into, ReplayReport&& more, std::size_t max_lines = 100);

/// `organization` may be null. Both sets answer as a runtime would; one of them holds the draft. The report
/// does not depend on the order of `past`.
ReplayReport replay(const std::vector<PastDecision>& past, const CompiledSet& operators, const CompiledSet* organization,
                    const std::vector<std::string>& lanes, std::size_t max_lines = 100);

}  // namespace ccp::policy
