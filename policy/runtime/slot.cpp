#include "policy/runtime/slot.hpp"

#include <algorithm>
#include <utility>

namespace ccp::policy {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kMostBad = 256;

/// Digests that `bad` has and `good` has not.
std::set<std::string> newDigests(const Generation& bad, const Generation& good) {
  std::set<std::string> out;
  for (const auto& pack : bad.set().packs) {
    if (!pack.sha256.empty() && !good.compiled->has(pack.sha256)) out.insert(pack.sha256);
  }
  return out;
}

}  // namespace

Slot::View Slot::view(std::uint64_t now_ns) noexcept {
  used_ns_.store(now_ns, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  return {active_, draft_, known_, known_ != Known::present && now_ns >= known_until_ns_};
}

Slot::State Slot::state() const {
  const std::lock_guard lock(mutex_);
  return {active_, draft_, last_refusal_, rollbacks_, manual_, known_};
}

GenerationPtr Slot::generation() const {
  const std::lock_guard lock(mutex_);
  return active_;
}

bool Slot::forgettable() const {
  const std::lock_guard lock(mutex_);
  return !draft_ && bad_.empty() && !previous_;
}

void Slot::swap(GenerationPtr next, bool keep_previous) {
  const std::lock_guard lock(mutex_);
  if (!keep_previous) previous_ = next->trial ? active_ : nullptr;
  active_.swap(next);
  known_ = Known::present;
  last_refusal_.reset();
}

std::optional<Slot::TakenBack> Slot::takeBack(const Generation& bad, std::uint64_t now_ns,
                                              const std::function<GenerationPtr(const Generation&)>& again) {
  const std::lock_guard lock(mutex_);
  if (active_.get() != &bad || !previous_) return std::nullopt;
  if (rollbacks_ >= kRollbacksBeforeManual) {
    manual_ = true;
    bad.trial->end();
    return std::nullopt;
  }
  if (rollbacks_ > 0 && now_ns - last_rollback_ns_ < kSecondNs) return std::nullopt;
  TakenBack out;
  out.digests = newDigests(bad, *previous_);
  // Other packs of the same version may be fine.
  if (const auto blamed = bad.trial->blamed(); !blamed.empty()) {
    std::erase_if(out.digests, [&](const std::string& sha256) { return !blamed.contains(sha256); });
  }
  if (out.digests.empty()) {  // packs that both have fault: going back would not help
    bad.trial->end();
    return std::nullopt;
  }
  out.now = again(*previous_);
  out.bad = std::exchange(active_, out.now);
  previous_.reset();
  if (bad_.size() < kMostBad) bad_.insert(out.digests.begin(), out.digests.end());
  ++rollbacks_;
  last_rollback_ns_ = now_ns;
  return out;
}

void Slot::stood(const Generation& good) {
  GenerationPtr freed;
  const std::lock_guard lock(mutex_);
  if (active_.get() != &good) return;
  freed.swap(previous_);
  rollbacks_ = 0;
  manual_ = false;
}

void Slot::refused(Refusal refusal) {
  const std::lock_guard lock(mutex_);
  last_refusal_ = std::move(refusal);
}

bool Slot::isBad(const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  return bad_.contains(sha256);
}

void Slot::setDraft(std::shared_ptr<const Draft> draft) {
  const std::lock_guard lock(mutex_);
  draft_.swap(draft);
  if (draft) draft->withdrawn = true;
}

void Slot::setKnown(Known known, std::uint64_t until_ns) {
  const std::lock_guard lock(mutex_);
  if (known_ == Known::present) return;  // somebody offered meanwhile
  known_ = known;
  known_until_ns_ = until_ns;
}

}  // namespace ccp::policy
