#include <algorithm>
#include <exception>
#include <utility>

#include "core/base/log.hpp"
#include "policy/runtime/runtime_impl.hpp"

namespace ccp::policy {
namespace {

/// One load at a time of those that the semaphore lets in.
template <class Semaphore>
class Permit {
 public:
  explicit Permit(Semaphore& semaphore) : semaphore_(semaphore) { semaphore_.acquire(); }
  ~Permit() { semaphore_.release(); }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  Semaphore& semaphore_;
};

constexpr std::uint64_t kFailedForNs = 2'000'000'000;

std::uint64_t nanos(Duration d) noexcept { return static_cast<std::uint64_t>(std::max<Duration::rep>(0, d.count())) * 1000; }

SetAnswer notLoaded() {
  SetAnswer out;
  out.packs.push_back({nullptr, PointClass::enforce, Condition::missing, {}});
  return out;
}

/// Do packs of this very set answer, or the shipped ones for it?
bool answersItself(const CompiledSet& set, Point point) noexcept {
  const auto& answering = set.packs(point);
  const auto& packs = set.set().packs;
  return !answering.empty() && std::any_of(packs.begin(), packs.end(), [&](const VerifiedPack& one) { return &one == answering.front(); });
}

}  // namespace

void Runtime::Impl::Ids::fill(std::span<std::uint8_t> out) {
  const std::lock_guard lock(mutex_);
  if (out.size() > bytes_.size() - used_) {
    if (out.size() > bytes_.size()) return source_.fill(out);
    source_.fill(bytes_);
    used_ = 0;
  }
  const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(used_);
  std::copy_n(first, out.size(), out.begin());
  std::fill_n(first, out.size(), std::uint8_t{0});
  used_ += out.size();
}

std::shared_ptr<Slot> Runtime::Impl::slotOf(const std::string& org) {
  if (org == kOperatorSet) return nullptr;
  return has_loader_.load(std::memory_order_acquire) ? organizations.findOrMake(org) : organizations.find(org);
}

Slot::View Runtime::Impl::lookUp(Slot& slot, std::uint64_t now_ns) {
  auto view = slot.view(now_ns);
  if (view.known == Slot::Known::present || !view.look_again) return view;
  if (view.known == Slot::Known::unknown) {
    const std::lock_guard lock(slot.loading);
    view = slot.view(now_ns);
    if (view.known != Slot::Known::unknown) return view;  // somebody else has looked meanwhile
    load(slot);
    return slot.view(now_ns);
  }
  // What was known goes on counting for the others while one looks again.
  const std::unique_lock lock(slot.loading, std::try_to_lock);
  if (!lock) return view;
  load(slot);
  return slot.view(now_ns);
}

void Runtime::Impl::load(Slot& slot) {
  std::shared_ptr<const Loader> loader;
  {
    const std::lock_guard lock(callbacks_mutex_);
    loader = loader_;
  }
  if (!loader) {
    if (slot.state().known == Slot::Known::unknown) slot.setKnown(Slot::Known::absent, UINT64_MAX);
    return;
  }
  std::string trouble;
  try {
    auto loaded = [&]() -> Result<std::optional<VerifiedSet>> {
      const Permit permit(loads_);
      return (*loader)(slot.org());
    }();
    if (!loaded) {
      trouble = loaded.error().text();
    } else if (!*loaded) {
      slot.setKnown(Slot::Known::absent, deps.clock.monotonicNs() + nanos(options.absent_for));
      return;
    } else {
      if (!offer(slot, std::move(**loaded), {})) slot.setKnown(Slot::Known::failed, deps.clock.monotonicNs() + nanos(options.absent_for));
      return;
    }
  } catch (const std::exception& e) {
    trouble = e.what();
  }
  log::error("policy.load", {{"org", slot.org()}, {"error", trouble}});
  slot.setKnown(Slot::Known::failed, deps.clock.monotonicNs() + kFailedForNs);
}

Decision Runtime::Impl::decide(const Question& question, std::uint64_t began_ns) {
  const Point point = question.point;
  // Both references are taken here and held to the end: a swap meanwhile changes nothing of this decision.
  std::shared_ptr<Slot> slot;
  Slot::View theirs;
  if (!question.org.empty() && !info(point).commercial) slot = slotOf(question.org);
  if (slot) theirs = lookUp(*slot, began_ns);
  const Slot::View ours = operators.view(began_ns);

  const Timestamp now = deps.clock.now();
  Inquiry inquiry = prepareInquiry(point, question.input, now, trustedNow(now));
  Said operator_said, organization_said;
  if (ours.generation) operator_said = ask(*ours.generation->compiled, inquiry, grace(), recording());
  if (theirs.generation) {
    organization_said = ask(*theirs.generation->compiled, inquiry, grace(), recording());
  } else if (theirs.known == Slot::Known::failed) {
    organization_said.answer = notLoaded();
  }
  Combined combined = combine(point, std::move(operator_said.answer), slot ? &organization_said.answer : nullptr, options.lanes);

  Decision& decision = combined.decision;
  decision.id = newId("dec", deps.clock, ids_);
  if (operator_said.standing != Standing::fresh || organization_said.standing != Standing::fresh) decision.stale = true;
  if (ours.draft || theirs.draft) shadow(question, inquiry, decision, ours, theirs);

  DecisionRecord record;
  record.at = now;
  record.org = question.org;
  record.seat = question.seat;
  record.point = point;
  record.channel = options.channel;
  for (const auto* view : {&ours, &std::as_const(theirs)}) {
    if (!view->generation) continue;
    record.generation = std::max(record.generation, view->generation->number);
    policy::describe(*view->generation->compiled, point, record);
    record.origin = std::max(record.origin, view->generation->set().origin);
  }
  record.fields_read = std::move(combined.fields_read);
  record.input = std::move(inquiry.text);
  record.fuel = combined.fuel;
  record.memory_peak = combined.memory_peak;
  const std::uint64_t ended_ns = deps.clock.monotonicNs();
  record.elapsed = Duration(static_cast<Duration::rep>((ended_ns - began_ns) / 1000));
  record.decision = decision;

  const auto at = static_cast<std::size_t>(point);
  counts_.decisions[at][static_cast<std::size_t>(decision.verdict)]->add();
  counts_.seconds[at]->observe(static_cast<double>(ended_ns - began_ns) / 1e9);
  const bool plain_allow = decision.verdict == Verdict::allow && !decision.stale;
  if (!question.repeated || !plain_allow) deps.sink.take(std::move(record));
  if (ours.generation) settle(operators, ours.generation, point, operator_said, ended_ns);
  if (theirs.generation) settle(*slot, theirs.generation, point, organization_said, ended_ns);
  return std::move(combined.decision);
}

void Runtime::Impl::settle(Slot& slot, const GenerationPtr& generation, Point point, const Said& said, std::uint64_t now_ns) {
  if (said.answer.packs.empty()) return;
  reportStaleness(slot, *generation, said.standing);
  if (!said.asked || !answersItself(*generation->compiled, point)) return;
  const std::uint64_t decisions = generation->tally->note(said.sample);
  Trial* const trial = generation->trial.get();
  if (!trial || !trial->going()) return;
  if (said.sample.fault) {
    for (const auto& answer : said.answer.packs) {
      if (answer.faulted() || answer.condition == Condition::bad_input) trial->blame(answer.pack->sha256);
    }
  }
  switch (trial->judge(*generation->tally, decisions, said.sample.fault, now_ns)) {
    case Trial::Verdict::going: return;
    case Trial::Verdict::passed: slot.stood(*generation); return;
    case Trial::Verdict::failed: takeBack(slot, generation, now_ns); return;
  }
}

void Runtime::Impl::takeBack(Slot& slot, const GenerationPtr& generation, std::uint64_t now_ns) {
  const auto taken = slot.takeBack(*generation, now_ns, [this](const Generation& previous) {
    return make(previous.compiled, previous.packs, std::make_shared<Tally>(), nullptr);
  });
  if (!taken) return;
  const std::string why = Trial::why(*generation->tally, generation->trial->before());
  generation->trial->end();
  const bool operator_set = slot.org() == kOperatorSet;
  (operator_set ? counts_.rollbacks_operator : counts_.rollbacks_organizations)->add();
  (operator_set ? counts_.generation_operator : counts_.generation_organizations)->set(static_cast<double>(taken->now->number));
  log::error("policy.rolled_back", {{"set", slot.org()}, {"version", taken->bad->set().version}, {"back_to", taken->now->set().version}, {"why", why}});
  slot.refused({Stage::active, Error{Errc::policy_rolled_back, "Version " + std::to_string(taken->bad->set().version) + ": " + why + "."}});
  std::shared_ptr<const RolledBack> callback;
  {
    const std::lock_guard lock(callbacks_mutex_);
    callback = rolled_back_;
  }
  if (!callback) return;
  SetStatus bad = describe(slot.org(), *taken->bad);
  // What the caller remembers as bad: the packs to blame, not those that came along.
  std::erase_if(bad.packs, [&](const VerifiedPack& pack) { return !taken->digests.contains(pack.sha256); });
  (*callback)(bad, why);
}

void Runtime::Impl::reportStaleness(const Slot& slot, const Generation& generation, Standing now) {
  const int state = static_cast<int>(now);
  if (generation.reported_staleness.load(std::memory_order_relaxed) == state) return;
  const int before = generation.reported_staleness.exchange(state);
  if (before == state) return;
  if (before == 0) counts_.stale->add(1);
  if (state == 0) {
    counts_.stale->add(-1);
    return;
  }
  log::warn("policy.stale", {{"set", slot.org()},
                             {"version", generation.set().version},
                             {"expired_at", formatRfc3339(generation.set().expires_at)},
                             {"state", now == Standing::grace ? "still enforced" : "not asked any more"}});
}

void Runtime::Impl::shadow(const Question& question, const Inquiry& inquiry, const Decision& live, const Slot::View& ours, const Slot::View& theirs) {
  const auto put = [&](const std::shared_ptr<const Draft>& draft, bool of_operator) {
    if (!draft) return;
    const bool taken = worker->tryRun([this, draft, of_operator, inquiry, org = question.org, seat = question.seat, id = live.id, allowed = live.allow, lane = live.lane,
                                       mine = ours.generation, other = theirs.generation, missing = theirs.known == Slot::Known::failed] {
      if (draft->withdrawn) return;
      const std::uint64_t began_ns = deps.clock.monotonicNs();
      const CompiledSet* operator_set = of_operator ? draft->compiled.get() : mine ? mine->compiled.get() : nullptr;
      const CompiledSet* organization_set = !of_operator ? draft->compiled.get() : other ? other->compiled.get() : nullptr;
      Said first, second;
      DecisionRecord record;
      if (operator_set) first = ask(*operator_set, inquiry, grace(), recording());
      if (operator_set) policy::describe(*operator_set, inquiry.point, record);
      if (organization_set) {
        second = ask(*organization_set, inquiry, grace(), recording());
        policy::describe(*organization_set, inquiry.point, record);
      } else if (missing) {
        second.answer = notLoaded();
      }
      Combined combined = combine(inquiry.point, std::move(first.answer), &second.answer, options.lanes);
      record.decision = std::move(combined.decision);
      ++draft->decisions;
      if (record.decision.allow != allowed || (allowed && record.decision.lane != lane)) ++draft->differing;
      record.decision.id = newId("dec", deps.clock, ids_);
      record.at = inquiry.now;
      record.org = org;
      record.seat = seat;
      record.point = inquiry.point;
      record.channel = options.channel;
      record.fields_read = std::move(combined.fields_read);
      record.input = inquiry.text;
      record.fuel = combined.fuel;
      record.memory_peak = combined.memory_peak;
      record.elapsed = Duration(static_cast<Duration::rep>((deps.clock.monotonicNs() - began_ns) / 1000));
      record.origin = draft->compiled->set().origin;
      record.shadow = true;
      record.shadow_of = id;
      deps.sink.take(std::move(record));
    });
    if (!taken) counts_.shadow_dropped->add();
  };
  if (ours.draft && answersItself(*ours.draft->compiled, inquiry.point)) put(ours.draft, true);
  if (theirs.draft && theirs.draft->compiled->answers(inquiry.point)) put(theirs.draft, false);
}

}  // namespace ccp::policy
