// Time: points in UTC with microseconds, durations, their text forms, and the Clock that every
// component takes so that tests own time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace ccp {

using Duration = std::chrono::microseconds;
/// UTC, microseconds since the Unix epoch: what the database stores.
using Timestamp = std::chrono::sys_time<Duration>;

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int64_t toMicros(Timestamp t) noexcept { return t.time_since_epoch().count(); }
constexpr Timestamp fromMicros(std::int64_t us) noexcept { return Timestamp(Duration(us)); }
constexpr std::int64_t toUnixSeconds(Timestamp t) noexcept {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}
constexpr Timestamp fromUnixSeconds(std::int64_t s) noexcept { return Timestamp(std::chrono::seconds(s)); }

/// "2026-11-21T05:06:07Z", with a fraction only when there is one.
std::string formatRfc3339(Timestamp t);
void appendRfc3339(std::string& out, Timestamp t);
/// Any RFC 3339 time with zone; `bad_encoding` otherwise. Digits beyond microseconds are cut.
Result<Timestamp> parseRfc3339(std::string_view text);
/// "15m", "7d", "90s", "250ms", "4h"; `bad_encoding` otherwise.
Result<Duration> parseDuration(std::string_view text);
/// "15m", "2d 3h", "4.2s": for people.
std::string formatDuration(Duration d);

/// Wall and monotonic time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() const = 0;
  virtual std::uint64_t monotonicNs() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  std::uint64_t monotonicNs() const override;
};

/// A point in monotonic time after which work is pointless; passed down, never global.
class Deadline {
 public:
  static Deadline none() noexcept { return Deadline(0); }
  static Deadline after(const Clock& clock, Duration d) {
    return Deadline(clock.monotonicNs() + static_cast<std::uint64_t>(d.count()) * 1000);
  }
  static Deadline atMonotonicNs(std::uint64_t ns) noexcept { return Deadline(ns); }
  bool isNone() const noexcept { return ns_ == 0; }
  std::uint64_t monotonicNs() const noexcept { return ns_; }
  bool expired(const Clock& clock) const { return ns_ != 0 && clock.monotonicNs() >= ns_; }
  /// Time left, at least zero; `fallback` when there is no deadline.
  Duration remaining(const Clock& clock, Duration fallback) const;

 private:
  explicit Deadline(std::uint64_t ns) noexcept : ns_(ns) {}
  std::uint64_t ns_;
};

}  // namespace ccp
