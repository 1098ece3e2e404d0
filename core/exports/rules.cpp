#include "core/exports/rules.hpp"

#include <algorithm>
#include <cmath>

namespace ccp::exports {
namespace {

constexpr std::array<Duration, 9> kSchedule = {seconds(5), minutes(5), minutes(30), hours(2),  hours(5),
                                               hours(10),  hours(14),  hours(20),   hours(24)};

}  // namespace

const char* toString(StreamState state) noexcept {
  switch (state) {
    case StreamState::active: return "active";
    case StreamState::declined: return "declined";
    case StreamState::disabled: break;
  }
  return "disabled";
}

StreamState streamStateFrom(std::string_view text) noexcept {
  if (text == "active") return StreamState::active;
  return text == "declined" ? StreamState::declined : StreamState::disabled;
}

bool mayExportUsage(std::string_view privacy) noexcept { return privacy == "minimized" || privacy == "full"; }

Duration backOff(std::int64_t failures, double spread) noexcept {
  if (failures < 1) return Duration(0);
  const auto step = std::min<std::size_t>(static_cast<std::size_t>(failures) - 1, kSchedule.size() - 1);
  return Duration(std::llround(static_cast<double>(kSchedule[step].count()) * (0.8 + 0.4 * spread)));
}

Duration waitAfter(std::int64_t failures, int retry_after_s, double spread) noexcept {
  return retry_after_s > 0 ? Duration(seconds(retry_after_s)) : backOff(failures, spread);
}

std::size_t batchSize(const std::vector<std::size_t>& bytes) noexcept {
  std::size_t sum = 0;
  std::size_t n = 0;
  while (n < bytes.size() && n < kMaxRecords) {
    sum += bytes[n];
    if (n > 0 && sum > kMaxBytes) break;
    ++n;
  }
  return n;
}

}  // namespace ccp::exports
