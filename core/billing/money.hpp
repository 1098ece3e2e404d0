// Money as billing counts it: integer minor units of one currency. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::billing {

struct Money {
  std::int64_t amount_minor = 0;
  std::string currency;
  bool operator==(const Money&) const = default;
};

/// About what a change in the middle of a period costs: the difference of the two amounts for the
/// part of the period that is left, rounded towards zero. Providers round in their own ways: never
/// book this.
std::int64_t proratedEstimate(std::int64_t before_minor, std::int64_t after_minor,
                              Timestamp period_start, Timestamp period_end, Timestamp now) noexcept;

/// The same with currencies; `validation_failed` when they differ: there is no rate here.
Result<Money> prorated(const Money& before, const Money& after, Timestamp period_start,
                       Timestamp period_end, Timestamp now);

}  // namespace ccp::billing
