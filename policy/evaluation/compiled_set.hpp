// A verified set, compiled: answers one question from its packs alone. What the runtime swaps, and what
// replay, shadow, tests and matrix decide with. Immutable; thread-safe.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "policy/decision/decision.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/engine/engine.hpp"

namespace ccp::policy {

/// What one pack said.
struct PackAnswer {
  const VerifiedPack* pack = nullptr;
  PointClass point_class = PointClass::enforce;
  Outcome outcome;
};
struct SetAnswer {
  std::vector<PackAnswer> packs;  ///< in the order of the set; empty: no pack has an opinion here
};

class CompiledSet {
 public:
  /// `policy_compile_failed` names pack, file and line.
  static Result<std::shared_ptr<const CompiledSet>> compile(Engine& engine, VerifiedSet set);
  virtual ~CompiledSet() = default;
  virtual const VerifiedSet& set() const noexcept = 0;
  virtual bool answers(Point point) const noexcept = 0;
  /// `input` is checked text (policy/schema), `now` included.
  virtual SetAnswer decide(Point point, std::string_view input, Recording recording = {}) const = 0;
};

/// The rule that makes one decision of all answers: entitlement AND operator AND organization. Allowed only
/// when every pack allows; the first denial gives reason and rule; redactions and obligations unite; a lane
/// must be among `lanes` (empty: any), and the organization's wins over the operator's only if it is.
/// A fault denies at an enforce point and allows, marked, at an advisory one. Pure.
struct Combined {
  Decision decision;
  std::vector<std::string> fields_read;
  std::uint64_t fuel = 0;
  std::size_t memory_peak = 0;
};
Combined combine(Point point, const SetAnswer& operators, const SetAnswer* organization, const std::vector<std::string>& lanes);

}  // namespace ccp::policy
