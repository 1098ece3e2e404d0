#include "policy/runtime/generation.hpp"

#include <algorithm>
#include <bit>

namespace ccp::policy {
namespace {

constexpr std::uint64_t kTrialNs = 60ull * 1'000'000'000;
constexpr std::uint64_t kTrialDecisions = 1000;
constexpr std::uint64_t kFewestFaults = 5;
constexpr std::uint64_t kComparable = 200;  // decisions on either side before percentiles say anything
constexpr Duration kNeverSlow = Duration(50);

}  // namespace

std::size_t Tally::bucketOf(std::uint64_t value) noexcept {
  if (value < 4) return static_cast<std::size_t>(value);
  const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 1;
  return std::min(kBuckets - 1, (octave - 1) * 4 + static_cast<std::size_t>((value >> (octave - 2)) & 3));
}

std::uint64_t Tally::p99(const Buckets& buckets) noexcept {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets) total += bucket.load(std::memory_order_relaxed);
  std::uint64_t above = total / 100;
  for (std::size_t i = kBuckets; i-- > 0;) {
    const std::uint64_t here = buckets[i].load(std::memory_order_relaxed);
    if (here > above) return i < 4 ? i : (4 + i % 4) << (i / 4 - 1);  // where the bucket begins
    above -= here;
  }
  return 0;
}

std::uint64_t Tally::note(const Sample& sample) noexcept {
  const auto micros = static_cast<std::uint64_t>(std::max<Duration::rep>(0, sample.elapsed.count()));
  elapsed_[bucketOf(micros)].fetch_add(1, std::memory_order_relaxed);
  fuel_[bucketOf(sample.fuel)].fetch_add(1, std::memory_order_relaxed);
  if (sample.fault) faults_.fetch_add(1, std::memory_order_relaxed);
  if (sample.denied) denials_.fetch_add(1, std::memory_order_relaxed);
  return decisions_.fetch_add(1, std::memory_order_relaxed) + 1;
}

Duration Tally::p99Elapsed() const noexcept { return Duration(static_cast<Duration::rep>(p99(elapsed_))); }
std::uint64_t Tally::p99Fuel() const noexcept { return p99(fuel_); }

Trial::Trial(const Tally* before, std::uint64_t now_ns) noexcept : began_ns_(now_ns) {
  if (!before || before->decisions() < kComparable) return;
  comparable_ = true;
  elapsed_before_ = before->p99Elapsed();
  fuel_before_ = before->p99Fuel();
}

bool Trial::slower(const Tally& tally) const noexcept {
  if (!comparable_ || tally.decisions() < kComparable) return false;
  const auto elapsed = tally.p99Elapsed();
  if (elapsed < kNeverSlow || elapsed <= 3 * elapsed_before_) return false;
  // Time is also the machine's; fuel is the policy's alone. A busy machine never takes a policy back.
  return tally.p99Fuel() * 2 > fuel_before_ * 3;
}

Trial::Verdict Trial::judge(const Tally& tally, std::uint64_t decisions, bool fault, std::uint64_t now_ns) noexcept {
  if (!going()) return Verdict::going;
  if (const auto faults = tally.faults(); faults >= kFewestFaults && faults * 100 > decisions) return Verdict::failed;
  const bool over = decisions >= kTrialDecisions && now_ns - began_ns_ >= kTrialNs;
  if ((over || decisions % 64 == 0) && slower(tally)) return Verdict::failed;
  if (!over || fault) return Verdict::going;
  return going_.exchange(false, std::memory_order_relaxed) ? Verdict::passed : Verdict::going;
}

void Trial::blame(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  blamed_.insert(sha256);
}

std::set<std::string> Trial::blamed() const {
  const std::lock_guard lock(mutex_);
  return blamed_;
}

std::string Trial::why(const Tally& tally, Duration before) {
  const auto faults = tally.faults(), decisions = tally.decisions();
  if (faults >= kFewestFaults && faults * 100 > decisions) {
    return std::to_string(faults) + " of " + std::to_string(decisions) + " decisions faulted";
  }
  return "99 of 100 decisions now take up to " + formatDuration(tally.p99Elapsed()) + ", before " + formatDuration(before);
}

}  // namespace ccp::policy
