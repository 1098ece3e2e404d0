#include "policy/runtime/stages.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "policy/analysis/lint.hpp"
#include "policy/analysis/test_runner.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kMostNamed = 20;

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", share * 100);
  return text;
}

Status lintPack(const PackDocument& pack) {
  Error error{Errc::policy_lint_failed, {}};
  std::size_t mistakes = 0;
  for (const auto& finding : lint(pack)) {
    if (finding.severity != Severity::error) continue;
    const std::string place = finding.file + ":" + std::to_string(finding.line);
    if (++mistakes == 1) error.detail = "Pack \"" + pack.name + "\", " + place + ": " + finding.message;
    if (mistakes <= kMostNamed) error.fields.push_back({place, finding.code + ": " + finding.message});
  }
  if (mistakes == 0) return {};
  if (mistakes > 1) error.detail += " (and " + std::to_string(mistakes - 1) + " more)";
  return fail(std::move(error));
}

Status testPack(Engine& engine, const PackDocument& pack) {
  CCP_TRY(const TestReport report, runTests(engine, pack));
  Error error{Errc::policy_tests_failed, {}};
  std::size_t failures = 0;
  for (const auto& result : report.results) {
    if (result.passed) continue;
    if (++failures == 1) error.detail = "Pack \"" + pack.name + "\", test \"" + result.name + "\": " + result.message;
    if (failures <= kMostNamed) error.fields.push_back({result.name, result.message});
  }
  if (failures == 0 && report.passed()) return {};
  if (failures > 1) error.detail += " (" + std::to_string(failures) + " of " + std::to_string(report.results.size()) + " tests fail)";
  return fail(std::move(error));
}

Status judge(const ReplayReport& report, const ActivationOptions& options) {
  if (report.faults > 0) {
    std::string detail = std::to_string(report.faults) + " of " + std::to_string(report.total) + " recorded decisions fault";
    for (const auto& line : report.flips) {
      if (line.flip != Flip::fault) continue;
      detail += ", for example " + line.past.id + " (" + line.now.reason + ")";
      break;
    }
    return fail(Errc::policy_shadow_faults, detail + ".");
  }
  if (!options.force_shadow && report.flipRate() > options.max_flip) {
    return fail(Errc::policy_shadow_flips, percent(report.flipRate()) + " of " + std::to_string(report.total - report.indeterminate) +
                                               " recorded decisions come out otherwise; allowed are " + percent(options.max_flip) + ": " +
                                               std::to_string(report.newly_denied) + " newly denied, " + std::to_string(report.newly_allowed) +
                                               " newly allowed, " + std::to_string(report.rerouted) + " rerouted.");
  }
  return {};
}

}  // namespace

tl::expected<Prepared, Refusal> prepare(Engine& engine, VerifiedSet set, const CompiledSet* running, const ActivationOptions& options,
                                        const Rehearsal& rehearse) {
  Prepared out;
  auto compiled = CompiledSet::compile(engine, std::move(set), running);
  if (!compiled) return refuse(Stage::compiled, std::move(compiled.error()));
  out.compiled = std::move(*compiled);
  const auto& packs = out.compiled->set().packs;
  const auto proven = [running](const VerifiedPack& pack) { return running && !pack.sha256.empty() && running->has(pack.sha256); };
  for (const auto& pack : packs) {
    if (proven(pack)) continue;
    if (auto status = lintPack(pack.document); !status) return refuse(Stage::linted, std::move(status.error()));
  }
  for (const auto& pack : packs) {
    if (proven(pack)) continue;
    if (auto status = testPack(engine, pack.document); !status) return refuse(Stage::self_tested, std::move(status.error()));
  }
  if (!options.shadow_inputs.empty()) {
    out.shadowed = rehearse(*out.compiled, options.shadow_inputs);
    if (auto status = judge(out.shadowed, options); !status) return refuse(Stage::shadowed, std::move(status.error()));
  }
  return out;
}

}  // namespace ccp::policy
