#include "core/metering/rules.hpp"

#include <algorithm>

namespace ccp::metering {

namespace {
constexpr std::int64_t kMax = std::int64_t{1} << 53;
}

std::int64_t quantityOf(const config::Meter& meter, const usage::Counters& counters) noexcept {
  std::int64_t sum = 0;
  for (const auto& name : meter.counters) {
    const std::int64_t value = name == "requests"             ? counters.requests
                               : name == "errors"             ? counters.errors
                               : name == "input_tokens"       ? counters.input_tokens
                               : name == "output_tokens"      ? counters.output_tokens
                               : name == "cache_read_tokens"  ? counters.cache_read_tokens
                               : name == "cache_write_tokens" ? counters.cache_write_tokens
                                                              : 0;
    sum = std::min(kMax, sum + std::clamp<std::int64_t>(value, 0, kMax));
  }
  return sum;
}

bool beginReport(Hour& hour) noexcept {
  if (hour.sending) return true;
  if (hour.used == hour.reported) return false;
  hour.sending = hour.used;
  ++hour.reports;
  hour.tries = 0;
  return true;
}

std::string reportId(const Hour& hour) { return hour.id + ":" + std::to_string(hour.reports); }

Timestamp reportTime(const Hour& hour) noexcept {
  return hour.hour_at + seconds(std::clamp<std::int64_t>(hour.reports, 0, 3599));
}

void taken(Hour& hour) noexcept {
  if (hour.sending) hour.reported = *hour.sending;
  hour.sending.reset();
  hour.tries = 0;
  hour.error.clear();
}

Duration backoff(std::int64_t tries) noexcept {
  return std::min<Duration>(seconds(10) * (std::int64_t{1} << std::clamp<std::int64_t>(tries, 0, 9)),
                            hours(1));
}

}  // namespace ccp::metering
