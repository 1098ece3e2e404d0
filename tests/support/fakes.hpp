// Fakes that tests own: time and randomness.
#pragma once

#include <atomic>
#include <random>

#include "core/base/random.hpp"
#include "core/base/time.hpp"

namespace ccp::test {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp start = fromUnixSeconds(1'800'000'000)) : now_us_(toMicros(start)) {}
  Timestamp now() const override { return fromMicros(now_us_.load()); }
  std::uint64_t monotonicNs() const override { return static_cast<std::uint64_t>(now_us_.load()) * 1000; }
  void advance(Duration d) { now_us_ += d.count(); }

 private:
  std::atomic<std::int64_t> now_us_;
};

/// Deterministic bytes from a seed. Not thread-safe.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 1) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_() & 0xFF);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace ccp::test
