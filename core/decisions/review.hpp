// Looks back at decisions: explains one by deciding it again with the very packs that answered, and runs a
// draft over the past. Only reads. Threads: thread-safe.
#pragma once

#include <functional>

#include "core/decisions/feature.hpp"
#include "policy/runtime/runtime.hpp"

namespace ccp::decisions {

/// A published pack by the digest of its payload; `not_found` when it is not kept any more.
using PackSource = std::function<Result<policy::VerifiedPack>(const std::string& set, const std::string& sha256)>;

/// One line of a replay that did not come out the same.
struct ReplayedFlip {
  LoggedDecision was;
  policy::Decision now;
  policy::Flip flip = policy::Flip::same;
};
/// What a part of the past says about a draft. Parts add up: the caller asks on from `next`.
struct ReplayPart {
  policy::ReplayReport report;       ///< without lines
  std::vector<ReplayedFlip> flips;   ///< newest first, at most kMaxFlips
  std::string next;                  ///< cursor; empty: the past is through
};

class Review {
 public:
  /// One request decides at most this much, for at most this long.
  static constexpr std::size_t kMaxDecisions = 5000;
  static constexpr Duration kMaxTime = seconds(5);
  static constexpr std::size_t kMaxFlips = 500;

  struct Deps {
    Feature& decisions;
    policy::Runtime& runtime;
    policy::Engine& engine;
    const Clock& clock;
    PackSource packs;
    std::vector<std::string> lanes;
  };
  explicit Review(Deps deps) : deps_(std::move(deps)) {}

  /// {"decision": the record, "again": {…, "reproduced"} or null, "why_not": a sentence}.
  Result<Json> explain(const std::optional<std::string>& org, const std::string& id) const;
  /// `set`: whose the draft would be. `policy_wrong_org`, `policy_compile_failed`.
  Result<ReplayPart> replay(const std::string& set, policy::VerifiedPack draft, std::optional<Timestamp> since, const std::string& cursor,
                            std::size_t limit = kMaxDecisions) const;
  Feature& decisions() const noexcept { return deps_.decisions; }
  const Clock& clock() const noexcept { return deps_.clock; }

 private:
  Result<Json> decideAgain(const LoggedDecision& was, const KeptInput& input) const;

  Deps deps_;
};

}  // namespace ccp::decisions
