#include "policy/runtime/runtime.hpp"

#include <exception>
#include <utility>

#include "core/base/log.hpp"
#include "policy/runtime/runtime_impl.hpp"

namespace ccp::policy {

Runtime::Runtime(const Deps& deps, Options options) : impl_(std::make_unique<Impl>(deps, std::move(options))) {}
Runtime::~Runtime() = default;

void Runtime::onLoad(Loader loader) { impl_->setLoader(std::move(loader)); }
void Runtime::onRollback(RolledBack fn) { impl_->setRolledBack(std::move(fn)); }

tl::expected<SetStatus, Refusal> Runtime::offer(VerifiedSet set, const ActivationOptions& options) {
  if (set.org == kOperatorSet) return impl_->offer(impl_->operators, std::move(set), options);
  if (set.org.empty()) return refuse(Stage::verified, {Errc::policy_wrong_org, "The set names no organization."});
  const auto slot = impl_->organizations.findOrMake(set.org);
  return impl_->offer(*slot, std::move(set), options);
}

tl::expected<ReplayReport, Refusal> Runtime::examine(const VerifiedSet& set, const ActivationOptions& options) const {
  GenerationPtr running;
  if (set.org == kOperatorSet) {
    running = impl_->operators.generation();
  } else if (const auto slot = impl_->organizations.find(set.org)) {
    running = slot->generation();
  }
  auto prepared = impl_->prepareFor(running, set, options);
  if (!prepared) return tl::unexpected(std::move(prepared.error()));
  return std::move(prepared->shadowed);
}

Result<ReplayReport> Runtime::replay(const VerifiedSet& draft, const std::vector<PastDecision>& past, std::size_t max_lines) const {
  return impl_->replay(draft, past, max_lines);
}

void Runtime::forget(const std::string& org) { impl_->forget(org); }

Status Runtime::shadow(const std::string& org, std::optional<VerifiedSet> draft) { return impl_->setDraft(org, std::move(draft)); }

Decision Runtime::decide(const Question& question) {
  try {
    return impl_->decide(question, impl_->deps.clock.monotonicNs());
  } catch (const std::exception& e) {
    log::error("policy.decide", {{"point", toString(question.point)}, {"error", e.what()}});
  }
  Decision out;
  out.verdict = Verdict::error;
  out.reason = "policy_fault:internal";
  return out;
}

std::vector<SetStatus> Runtime::status() const { return impl_->statusOfAll(); }

std::optional<SetStatus> Runtime::status(const std::string& org) const {
  if (org == kOperatorSet) return impl_->describe(impl_->operators, impl_->operators.state());
  const auto slot = impl_->organizations.find(org);
  if (!slot) return std::nullopt;
  const auto state = slot->state();
  if (!state.generation && !state.last_refusal && !state.draft) return std::nullopt;
  return impl_->describe(*slot, state);
}

}  // namespace ccp::policy
