// The stages between a verified set and a swap: compiled → linted → self-tested → shadowed. Inside this room.
#pragma once

#include <functional>
#include <memory>

#include "core/base/error.hpp"
#include "policy/engine/engine.hpp"
#include "policy/evaluation/replay.hpp"
#include "policy/runtime/runtime.hpp"
#include "policy/runtime/stage.hpp"

namespace ccp::policy {

struct Prepared {
  std::shared_ptr<const CompiledSet> compiled;
  ReplayReport shadowed;
};
/// Decides past decisions again as if this set ran.
using Rehearsal = std::function<ReplayReport(const CompiledSet& candidate, const std::vector<PastDecision>& past)>;

/// What `running` has already (may be null) is neither compiled nor tested again.
tl::expected<Prepared, Refusal> prepare(Engine& engine, VerifiedSet set, const CompiledSet* running, const ActivationOptions& options,
                                        const Rehearsal& rehearse);
inline tl::unexpected<Refusal> refuse(Stage stage, Error error) { return tl::unexpected<Refusal>(Refusal{stage, std::move(error)}); }

}  // namespace ccp::policy
