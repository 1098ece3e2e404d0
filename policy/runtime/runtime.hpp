// The policies that run: takes verified sets through the stages, swaps them in, decides, and watches over
// a new generation. Decisions in flight finish on the generation that they began with.
// Threads: thread-safe; offer() of one set at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "policy/decision/decision.hpp"
#include "policy/engine/engine.hpp"
#include "policy/evaluation/replay.hpp"
#include "policy/runtime/record.hpp"
#include "policy/runtime/stage.hpp"

namespace ccp::policy {

struct ActivationOptions {
  std::vector<PastDecision> shadow_inputs;  ///< empty: nothing to shadow with
  double max_flip = 0.02;                   ///< share of shadow inputs whose answer may change
  bool force_shadow = false;                ///< activate whatever the flips are (faults still refuse)
};

class Runtime final : public Decider {
 public:
  struct Deps {
    Engine& engine;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    DecisionSink& sink;
  };
  /// A set that is asked for the first time: verified, or empty when the organization has none.
  using Loader = std::function<Result<std::optional<VerifiedSet>>(const std::string& org)>;
  /// A generation was taken back: which set, and why. Called on the deciding thread; must not block.
  using RolledBack = std::function<void(const SetStatus& bad, const std::string& why)>;

  struct Options {
    Channel channel = Channel::dev;
    Duration stale_grace = hours(72);   ///< how long documents that ran out are still used (dev: 7 days)
    std::vector<std::string> lanes = {};  ///< what a policy may route to; empty: any
    std::size_t max_orgs = 50'000;      ///< organizations remembered; beyond that the loader is asked again
    Duration absent_for = seconds(60);  ///< how long "has no packs" is believed
    bool record_fields = true;          ///< which fields of the input a policy read
  };
  /// The shipped set (policy/packs) answers from the start, and later at points that no operator pack answers.
  Runtime(const Deps& deps, Options options);
  ~Runtime() override;

  void onLoad(Loader loader);
  void onRollback(RolledBack fn);

  /// compiled → linted → self-tested → shadowed → active. On success the set decides from now on; on a
  /// refusal nothing that runs has changed. A set that runs already (same channel envelope) is a success at
  /// once. Packs that run already are neither compiled nor tested again.
  tl::expected<SetStatus, Refusal> offer(VerifiedSet set, const ActivationOptions& options = {});
  /// The same stages without the last: would this set be taken? For a server before it publishes. Returns
  /// what shadowing found.
  tl::expected<ReplayReport, Refusal> examine(const VerifiedSet& set, const ActivationOptions& options = {}) const;
  /// Decides `past` again as if the packs of `draft` stood in its set, each in place of the one of its name
  /// (and of the shipped ones at the points that it answers), beside whatever else answers now. Neither
  /// signed nor tested: for `ccp policy replay`. Nothing that runs changes. `policy_compile_failed`.
  Result<ReplayReport> replay(const VerifiedSet& draft, const std::vector<PastDecision>& past, std::size_t max_lines = 100) const;
  /// What is known of the organization's packs is dropped; its next question asks the loader.
  void forget(const std::string& org);
  /// A draft that sees live questions beside what runs, after the answer and on another thread; its own
  /// answers go to the sink with `shadow`. Empty optional: no draft. `org`: kOperatorSet, or an organization.
  Status shadow(const std::string& org, std::optional<VerifiedSet> draft);

  Decision decide(const Question& question) override;
  /// The operator's set first.
  std::vector<SetStatus> status() const;
  std::optional<SetStatus> status(const std::string& org) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::policy
