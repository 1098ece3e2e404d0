#include <algorithm>
#include <map>
#include <utility>

#include "core/base/log.hpp"
#include "policy/packs/shipped.hpp"
#include "policy/runtime/runtime_impl.hpp"

namespace ccp::policy {
namespace {

std::shared_ptr<const std::vector<VerifiedPack>> withoutFiles(const VerifiedSet& set) {
  auto out = std::make_shared<std::vector<VerifiedPack>>(set.packs);
  for (auto& pack : *out) {
    pack.document.files = {};
    pack.document.tests = {};
  }
  return out;
}

/// The same packs, in the same order: documents that were only signed anew.
bool samePacks(const VerifiedSet& a, const VerifiedSet& b) {
  return std::equal(a.packs.begin(), a.packs.end(), b.packs.begin(), b.packs.end(),
                    [](const VerifiedPack& x, const VerifiedPack& y) { return !x.sha256.empty() && x.sha256 == y.sha256; });
}

}  // namespace

Runtime::Impl::Impl(const Deps& dependencies, Options chosen)
    : deps(dependencies), options(std::move(chosen)), worker(std::make_shared<Worker>()), organizations(options.max_orgs), started_at_(deps.clock.now()), started_ns_(deps.clock.monotonicNs()) {
  static const std::vector<double> kBounds{5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.025, 0.1};
  auto& metrics = deps.metrics;
  for (const auto& entry : allPoints()) {
    const auto at = static_cast<std::size_t>(entry.point);
    const std::string name(entry.name);
    for (const auto verdict : {Verdict::allow, Verdict::deny, Verdict::error, Verdict::timeout, Verdict::memory, Verdict::stale}) {
      counts_.decisions[at][static_cast<std::size_t>(verdict)] =
          &metrics.counter("ccp_policy_decisions_total", "Questions answered by policies.", {{"point", name}, {"verdict", toString(verdict)}});
    }
    counts_.seconds[at] = &metrics.histogram("ccp_policy_decision_seconds", "How long policies took to answer.", {{"point", name}}, kBounds);
  }
  const char* const generation_help = "Number of the last swap of policies.";
  counts_.generation_operator = &metrics.gauge("ccp_policy_generation", generation_help, {{"set", "operator"}});
  counts_.generation_organizations = &metrics.gauge("ccp_policy_generation", generation_help, {{"set", "organization"}});
  counts_.alive = &metrics.gauge("ccp_policy_generations", "Generations of policies in memory: what runs, ways back, and what decisions still hold.");
  counts_.stale = &metrics.gauge("ccp_policy_stale", "Sets of policies whose documents ran out.");
  const char* const rollback_help = "Generations of policies that were taken back after a bad start.";
  counts_.rollbacks_operator = &metrics.counter("ccp_policy_rollbacks_total", rollback_help, {{"set", "operator"}});
  counts_.rollbacks_organizations = &metrics.counter("ccp_policy_rollbacks_total", rollback_help, {{"set", "organization"}});
  counts_.shadow_dropped = &metrics.counter("ccp_policy_shadow_dropped_total", "Questions that a draft did not see because it was too slow.");
  auto compiled = CompiledSet::compile(deps.engine, shippedSet());
  if (!compiled) {
    log::error("policy.shipped", {{"error", compiled.error().text()}});
    return;
  }
  shipped = std::move(*compiled);
  operators.swap(make(shipped, withoutFiles(shipped->set()), std::make_shared<Tally>(), nullptr), false);
  counts_.generation_operator->set(1);
}

Timestamp Runtime::Impl::trustedNow(Timestamp now) const {
  const auto passed = Duration(static_cast<Duration::rep>((deps.clock.monotonicNs() - started_ns_) / 1000));
  return std::max({now, started_at_ + passed, fromMicros(newest_issue_us_.load(std::memory_order_relaxed))});
}

Runtime::Impl::~Impl() { worker->stop(); }

/// Generations are freed by the worker: closing interpreters takes longer than a decision should wait.
GenerationPtr Runtime::Impl::make(std::shared_ptr<const CompiledSet> compiled, std::shared_ptr<const std::vector<VerifiedPack>> packs,
                                  std::shared_ptr<Tally> tally, std::shared_ptr<Trial> trial) {
  auto generation = std::make_unique<Generation>();
  generation->compiled = std::move(compiled);
  generation->packs = std::move(packs);
  generation->number = ++generations_;
  generation->activated_at = deps.clock.now();
  generation->tally = std::move(tally);
  generation->trial = std::move(trial);
  counts_.alive->add(1);
  return {generation.release(), [frees = worker, alive = counts_.alive](const Generation* old) noexcept {
            frees->run([old, alive] {
              delete old;
              alive->add(-1);
            });
          }};
}

tl::expected<Prepared, Refusal> Runtime::Impl::prepareFor(const GenerationPtr& running, const VerifiedSet& set, const ActivationOptions& activation) {
  if (set.org.empty()) return refuse(Stage::verified, {Errc::policy_wrong_org, "The set names no organization."});
  if (set.channel != options.channel) {
    return refuse(Stage::verified, {Errc::policy_wrong_channel, std::string("The set is for ") + toString(set.channel) + "; this node enforces " +
                                                                    toString(options.channel) + "."});
  }
  return prepare(deps.engine, set, running ? running->compiled.get() : nullptr, activation,
                 [&](const CompiledSet& candidate, const std::vector<PastDecision>& past) { return rehearse(set.org, candidate, past, 100); });
}

Refusal Runtime::Impl::refusedAt(Slot& slot, const VerifiedSet& set, Refusal refusal) {
  deps.metrics
      .counter("ccp_policy_refusals_total", "Sets of policies that were not taken, by the stage that refused.",
               {{"stage", toString(refusal.stage)}, {"code", refusal.error.name()}})
      .add();
  log::error("policy.refused", {{"set", slot.org()}, {"version", set.version}, {"stage", toString(refusal.stage)}, {"error", refusal.error.text()}});
  slot.refused(refusal);
  return refusal;
}

tl::expected<SetStatus, Refusal> Runtime::Impl::offer(Slot& slot, VerifiedSet set, const ActivationOptions& activation) {
  const std::lock_guard lock(slot.offering);
  const GenerationPtr running = slot.generation();
  if (running && !set.sha256.empty() && running->set().sha256 == set.sha256 && running->set().channel == set.channel) {
    return describe(slot, slot.state());
  }
  for (const auto& pack : set.packs) {
    if (pack.sha256.empty() || !slot.isBad(pack.sha256)) continue;
    return tl::unexpected(refusedAt(slot, set, {Stage::verified, {Errc::policy_refused_before, "Pack \"" + pack.document.name + "\" version " +
                                                                      std::to_string(pack.document.version) + " was taken back after it went live."}}));
  }
  auto prepared = prepareFor(running, set, activation);
  if (!prepared) {
    // Whether there are packs that should narrow is then not known: closed until somebody knows.
    if (!running && slot.state().known == Slot::Known::unknown) {
      slot.setKnown(Slot::Known::failed, deps.clock.monotonicNs() + static_cast<std::uint64_t>(options.absent_for.count()) * 1000);
    }
    return tl::unexpected(refusedAt(slot, set, std::move(prepared.error())));
  }
  const bool operator_set = slot.org() == kOperatorSet;
  auto compiled = std::move(prepared->compiled);
  if (operator_set && shipped) compiled = CompiledSet::withFallback(std::move(compiled), shipped);
  const bool renewed = running && samePacks(running->set(), set);
  GenerationPtr next;
  if (renewed) {
    next = make(std::move(compiled), running->packs, running->tally, running->trial);
  } else {
    auto trial = running ? std::make_shared<Trial>(running->tally.get(), deps.clock.monotonicNs()) : nullptr;
    next = make(std::move(compiled), withoutFiles(set), std::make_shared<Tally>(), std::move(trial));
  }
  if (running && running->reported_staleness.exchange(0) != 0) counts_.stale->add(-1);
  for (auto seen = newest_issue_us_.load(); seen < toMicros(set.issued_at) && !newest_issue_us_.compare_exchange_weak(seen, toMicros(set.issued_at));) {
  }
  const auto number = next->number;
  slot.swap(std::move(next), renewed);
  (operator_set ? counts_.generation_operator : counts_.generation_organizations)->set(static_cast<double>(number));
  log::info("policy.active", {{"set", slot.org()}, {"channel", toString(set.channel)}, {"version", set.version}, {"generation", static_cast<std::int64_t>(number)}});
  return describe(slot, slot.state());
}

ReplayReport Runtime::Impl::rehearse(const std::string& org, const CompiledSet& candidate, const std::vector<PastDecision>& past, std::size_t max_lines) {
  const GenerationPtr running = operators.generation();
  if (org != kOperatorSet) {
    if (running) return policy::replay(past, *running->compiled, &candidate, options.lanes, max_lines);
    return {};
  }
  std::shared_ptr<const CompiledSet> operator_set(std::shared_ptr<void>(), &candidate);  // the caller holds it
  if (shipped) operator_set = CompiledSet::withFallback(std::move(operator_set), shipped);
  std::map<std::string, std::vector<PastDecision>> by_org;
  for (const auto& one : past) by_org[info(one.point).commercial ? std::string() : one.org].push_back(one);
  ReplayReport report;
  for (const auto& [name, decisions] : by_org) {
    std::shared_ptr<Slot> slot;
    if (!name.empty()) slot = slotOf(name);
    const GenerationPtr theirs = slot ? lookUp(*slot, deps.clock.monotonicNs()).generation : nullptr;
    merge(report, policy::replay(decisions, *operator_set, theirs ? theirs->compiled.get() : nullptr, options.lanes, max_lines), max_lines);
  }
  return report;
}

Result<ReplayReport> Runtime::Impl::replay(const VerifiedSet& draft, const std::vector<PastDecision>& past, std::size_t max_lines) {
  GenerationPtr running;
  if (draft.org == kOperatorSet) {
    running = operators.generation();
  } else if (const auto slot = slotOf(draft.org)) {
    running = lookUp(*slot, deps.clock.monotonicNs()).generation;
  }
  VerifiedSet as_if = draft;
  // The shipped packs stand behind the operator's anyway.
  if (running && running->set().origin != Origin::builtin) {
    as_if = running->set();
    for (const auto& pack : draft.packs) {
      const auto it = std::find_if(as_if.packs.begin(), as_if.packs.end(),
                                   [&](const VerifiedPack& there) { return there.document.name == pack.document.name; });
      if (it == as_if.packs.end()) {
        as_if.packs.push_back(pack);
      } else {
        *it = pack;
      }
    }
  }
  CCP_TRY(const auto compiled, CompiledSet::compile(deps.engine, std::move(as_if), running ? running->compiled.get() : nullptr));
  return rehearse(draft.org, *compiled, past, max_lines);
}

Status Runtime::Impl::setDraft(const std::string& org, std::optional<VerifiedSet> draft) {
  if (!draft) {
    if (org == kOperatorSet) {
      operators.setDraft(nullptr);
    } else if (const auto slot = organizations.find(org)) {
      slot->setDraft(nullptr);
    }
    return {};
  }
  if (draft->org != org) return fail(Errc::policy_wrong_org, "The draft is of \"" + draft->org + "\", not of \"" + org + "\".");
  const std::shared_ptr<Slot> slot = org == kOperatorSet ? nullptr : organizations.findOrMake(org);
  Slot& target = slot ? *slot : operators;
  const GenerationPtr running = target.generation();
  CCP_TRY(auto compiled, CompiledSet::compile(deps.engine, std::move(*draft), running ? running->compiled.get() : nullptr));
  if (!slot && shipped) compiled = CompiledSet::withFallback(std::move(compiled), shipped);
  target.setDraft(std::make_shared<const Draft>(std::move(compiled)));
  return {};
}

SetStatus Runtime::Impl::describe(const std::string& org, const Generation& generation) const {
  SetStatus out;
  const VerifiedSet& set = generation.set();
  out.org = org;
  out.channel = set.origin == Origin::builtin ? options.channel : set.channel;
  out.version = set.version;
  out.sha256 = set.sha256;
  out.generation = generation.number;
  out.origin = set.origin;
  out.activated_at = generation.activated_at;
  out.issued_at = set.issued_at;
  out.expires_at = set.expires_at;
  out.stale = set.origin != Origin::builtin && trustedNow(deps.clock.now()) >= set.expires_at;
  out.packs = *generation.packs;
  out.decisions = generation.tally->decisions();
  out.faults = generation.tally->faults();
  out.denials = generation.tally->denials();
  out.on_trial = generation.trial && generation.trial->going();
  return out;
}

SetStatus Runtime::Impl::describe(const Slot& slot, const Slot::State& state) const {
  SetStatus out;
  out.org = slot.org();
  out.channel = options.channel;
  if (state.generation) out = describe(slot.org(), *state.generation);
  out.last_refusal = state.last_refusal;
  out.rollbacks = state.rollbacks;
  out.manual = state.manual;
  if (state.draft) {
    const auto& draft = *state.draft;
    out.draft = DraftStatus{draft.compiled->set().sha256, draft.compiled->set().version, draft.decisions, draft.differing};
  }
  return out;
}

std::vector<SetStatus> Runtime::Impl::statusOfAll() {
  std::vector<SetStatus> out{describe(operators, operators.state())};
  for (const auto& slot : organizations.all()) {
    const auto state = slot->state();
    if (state.generation || state.last_refusal || state.draft) out.push_back(describe(*slot, state));
  }
  std::sort(out.begin() + 1, out.end(), [](const SetStatus& a, const SetStatus& b) { return a.org < b.org; });
  counts_.stale->set(static_cast<double>(std::count_if(out.begin(), out.end(), [](const SetStatus& one) { return one.stale; })));
  return out;
}

void Runtime::Impl::forget(const std::string& org) {
  const auto slot = organizations.remove(org);
  if (!slot) return;
  const auto generation = slot->generation();
  if (generation && generation->reported_staleness.exchange(0) != 0) counts_.stale->add(-1);
}

void Runtime::Impl::setLoader(Loader loader) {
  const std::lock_guard lock(callbacks_mutex_);
  has_loader_.store(static_cast<bool>(loader), std::memory_order_release);
  loader_ = loader ? std::make_shared<const Loader>(std::move(loader)) : nullptr;
}

void Runtime::Impl::setRolledBack(RolledBack fn) {
  const std::lock_guard lock(callbacks_mutex_);
  rolled_back_ = fn ? std::make_shared<const RolledBack>(std::move(fn)) : nullptr;
}

}  // namespace ccp::policy
