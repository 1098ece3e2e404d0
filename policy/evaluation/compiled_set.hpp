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

/// Whether a pack was asked at all. What was not asked counts as its class says, like a fault.
enum class Condition : std::uint8_t {
  asked,
  bad_input,  ///< the input does not fit the schema of the point, or the narrower one of the pack
  stale,      ///< the documents ran out
  missing,    ///< the set could not be loaded
};

/// What one pack said.
struct PackAnswer {
  const VerifiedPack* pack = nullptr;  ///< lives as long as the set; null: `missing`
  PointClass point_class = PointClass::enforce;
  Condition condition = Condition::asked;
  Outcome outcome;  ///< of `asked`; otherwise `message` says what was wrong
  bool faulted() const noexcept { return condition == Condition::asked && outcome.fault != Fault::none; }
};
struct SetAnswer {
  std::vector<PackAnswer> packs;  ///< in the order of the set; empty: no pack has an opinion here
};

/// What a pack's wishes ("limits" of its manifest) come to, within what the host grants.
Limits limitsInForce(const Json& wishes) noexcept;

class CompiledSet {
 public:
  /// `policy_compile_failed` names pack, file and line. Packs that `reuse` has with the same digest are taken
  /// from there instead of compiled again.
  static Result<std::shared_ptr<const CompiledSet>> compile(Engine& engine, VerifiedSet set, const CompiledSet* reuse = nullptr);
  /// `top` where it answers, `base` at the other points; set() is top's. Neither may be null.
  static std::shared_ptr<const CompiledSet> withFallback(std::shared_ptr<const CompiledSet> top, std::shared_ptr<const CompiledSet> base);
  virtual ~CompiledSet() = default;

  virtual const VerifiedSet& set() const noexcept = 0;
  virtual bool answers(Point point) const noexcept = 0;
  /// The packs that answer here, in order.
  virtual const std::vector<const VerifiedPack*>& packs(Point point) const noexcept = 0;
  /// When the first of the documents that answer here runs out; the end of time for built-in ones.
  virtual Timestamp expiresAt(Point point) const noexcept = 0;
  /// Has this pack been compiled here, from the same bytes?
  virtual bool has(std::string_view sha256) const noexcept = 0;

  /// `input` is checked text (policy/schema), `now` included; `parsed` the same as a value, from a caller
  /// that has it. A result outside of the point's result schema is a fault, bad_result.
  virtual SetAnswer decide(Point point, std::string_view input, Recording recording = {}, const Json* parsed = nullptr) const = 0;
  /// The answer of packs that are not asked.
  virtual SetAnswer unasked(Point point, Condition condition, const std::string& message = {}) const = 0;
};

/// The rule that makes one decision of all answers: entitlement AND operator AND organization. Allowed only
/// when every pack allows; the first denial gives reason and rule, without one the last pack that gives them;
/// redactions and obligations unite; a lane must be among `lanes` (empty: any), and the organization's wins
/// over the operator's only if it is. Of other members the operator's stand, lists unite. A fault denies at
/// an enforce point and allows, marked, at an advisory one. Nobody to ask on the operator's side: denied.
/// `organization` is not looked at for commercial points. Pure.
struct Combined {
  Decision decision;
  std::vector<std::string> fields_read;  ///< sorted, each once
  std::uint64_t fuel = 0;
  std::size_t memory_peak = 0;
};
Combined combine(Point point, const SetAnswer& operators, const SetAnswer* organization, const std::vector<std::string>& lanes);
/// The same; takes what it needs out of the answers.
Combined combine(Point point, SetAnswer&& operators, SetAnswer* organization, const std::vector<std::string>& lanes);

}  // namespace ccp::policy
