// What usage comes to for a billing provider. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/usage/rules.hpp"

namespace ccp::metering {

/// What a meter counts of one hour: the sum of its counters, at most 2^53.
std::int64_t quantityOf(const config::Meter& meter, const usage::Counters& counters) noexcept;

/// One hour of one meter of an org, as it stands with the provider.
struct Hour {
  std::string org, id;
  std::string instance, provider_customer_id;
  std::string meter;
  Timestamp hour_at{};
  std::int64_t used = 0;
  std::int64_t reported = 0;            ///< what the provider has taken
  std::optional<std::int64_t> sending;  ///< what is being sent: the same until it was taken
  std::int64_t reports = 0;             ///< number of the report under way, or of the last one
  std::int64_t tries = 0;
  Timestamp next_try_at{};
  std::string error;
};

/// Begins the next report where none is under way; false when there is nothing to say.
bool beginReport(Hour& hour) noexcept;
/// The same for every try of one report.
std::string reportId(const Hour& hour);
/// Within the hour, and later than the time of the report before: providers that replace a window's
/// value take the newest.
Timestamp reportTime(const Hour& hour) noexcept;
void taken(Hour& hour) noexcept;
/// Wait before the next try.
Duration backoff(std::int64_t tries) noexcept;

/// Providers refuse what is older (Stripe: 35 days), so nobody is asked to take it.
inline constexpr Duration kOldest = hours(24 * 34);

}  // namespace ccp::metering
