// One generation of a set: what decides between two swaps, what became of its decisions, and its trial: the
// time after a swap in which a bad start takes it back. Inside this room. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "policy/evaluation/compiled_set.hpp"

namespace ccp::policy {

/// What one decision was for one set.
struct Sample {
  Duration elapsed{};
  std::uint64_t fuel = 0;
  bool fault = false, denied = false;
};

/// Counts without locks. Buckets are a quarter of an octave wide.
class Tally {
 public:
  /// Returns how many decisions there are now.
  std::uint64_t note(const Sample& sample) noexcept;
  std::uint64_t decisions() const noexcept { return decisions_.load(std::memory_order_relaxed); }
  std::uint64_t faults() const noexcept { return faults_.load(std::memory_order_relaxed); }
  std::uint64_t denials() const noexcept { return denials_.load(std::memory_order_relaxed); }
  Duration p99Elapsed() const noexcept;
  std::uint64_t p99Fuel() const noexcept;

 private:
  static constexpr std::size_t kBuckets = 96;  // beyond what a decision may take or burn
  using Buckets = std::array<std::atomic<std::uint32_t>, kBuckets>;
  static std::size_t bucketOf(std::uint64_t value) noexcept;
  static std::uint64_t p99(const Buckets& buckets) noexcept;

  std::atomic<std::uint64_t> decisions_{0}, faults_{0}, denials_{0};
  Buckets elapsed_{}, fuel_{};
};

/// docs/adr/0016-policy-runtime.md, "Taking back": until 60 s and 1000 decisions have passed, more than 1 % of
/// faults (at least 5), or a 99th percentile over three times the one before, is a bad start.
class Trial {
 public:
  enum class Verdict : std::uint8_t { going, passed, failed };
  Trial(const Tally* before, std::uint64_t now_ns) noexcept;
  /// After `decisions` of them were noted; `fault`: the one just noted was one.
  Verdict judge(const Tally& tally, std::uint64_t decisions, bool fault, std::uint64_t now_ns) noexcept;
  bool going() const noexcept { return going_.load(std::memory_order_relaxed); }
  /// Nothing can be done about a failure: not judged any more.
  void end() noexcept { going_.store(false, std::memory_order_relaxed); }
  /// Digest of a pack that faulted.
  void blame(const std::string& sha256);
  std::set<std::string> blamed() const;
  /// Of a failed one: "6 of 120 decisions faulted".
  static std::string why(const Tally& tally, Duration before);
  Duration before() const noexcept { return elapsed_before_; }

 private:
  bool slower(const Tally& tally) const noexcept;

  const std::uint64_t began_ns_;
  bool comparable_ = false;  ///< enough was decided before
  Duration elapsed_before_{};
  std::uint64_t fuel_before_ = 0;
  std::atomic<bool> going_{true};
  mutable std::mutex mutex_;
  std::set<std::string> blamed_;
};

struct Generation {
  std::shared_ptr<const CompiledSet> compiled;
  std::shared_ptr<const std::vector<VerifiedPack>> packs;  ///< without files, for people
  std::uint64_t number = 0;
  Timestamp activated_at;
  std::shared_ptr<Tally> tally = std::make_shared<Tally>();
  std::shared_ptr<Trial> trial;  ///< null: none (the first of a set, or one that was gone back to)
  /// 0 fresh, 1 within grace, 2 beyond: what was last reported, so that it is said once.
  mutable std::atomic<int> reported_staleness{0};

  const VerifiedSet& set() const noexcept { return compiled->set(); }
};
using GenerationPtr = std::shared_ptr<const Generation>;

}  // namespace ccp::policy
