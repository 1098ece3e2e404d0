#include "core/billing/money.hpp"

#include <algorithm>

namespace ccp::billing {

std::int64_t proratedEstimate(std::int64_t before_minor, std::int64_t after_minor,
                              Timestamp period_start, Timestamp period_end,
                              Timestamp now) noexcept {
  const auto whole = (period_end - period_start).count();
  if (whole <= 0) return 0;
  const auto left = std::clamp<std::int64_t>((period_end - now).count(), 0, whole);
  // Amounts reach 2^53 and periods 2^45 microseconds: the product needs more than 64 bits.
  const auto difference = static_cast<__int128>(after_minor) - before_minor;
  return static_cast<std::int64_t>(difference * left / whole);
}

Result<Money> prorated(const Money& before, const Money& after, Timestamp period_start,
                       Timestamp period_end, Timestamp now) {
  if (before.currency != after.currency) {
    return fail(Errc::validation_failed,
                "Amounts in " + before.currency + " and " + after.currency + " cannot be compared.");
  }
  return Money{proratedEstimate(before.amount_minor, after.amount_minor, period_start, period_end, now),
               after.currency};
}

}  // namespace ccp::billing
