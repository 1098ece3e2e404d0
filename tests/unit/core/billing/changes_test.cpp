// What a change in the middle of a period costs, about.
#include "core/billing/money.hpp"
#include "core/config/plan_catalog.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::billing;

TEST_CASE("the estimate is the difference for the part of the period that is left") {
  const auto start = fromMicros(0), end = start + hours(24 * 30);
  CHECK(proratedEstimate(2500, 5000, start, end, start) == 2500);
  CHECK(proratedEstimate(2500, 5000, start, end, start + hours(24 * 15)) == 1250);
  CHECK(proratedEstimate(5000, 2500, start, end, start + hours(24 * 15)) == -1250);
  CHECK(proratedEstimate(2500, 5000, start, end, end) == 0);
  CHECK(proratedEstimate(2500, 5000, start, end, end + hours(1)) == 0);
  CHECK(proratedEstimate(2500, 5000, start, end, start - hours(1)) == 2500);
  CHECK(proratedEstimate(2500, 2500, start, end, start) == 0);
  CHECK(proratedEstimate(2500, 5000, end, start, start) == 0);
  CHECK(proratedEstimate(2500, 5000, start, start, start) == 0);
}

TEST_CASE("the largest amounts and the longest periods overflow nothing") {
  const auto start = fromMicros(0), end = start + hours(24 * 366);
  CHECK(proratedEstimate(0, config::kMaxAmount, start, end, start) == config::kMaxAmount);
  CHECK(proratedEstimate(config::kMaxAmount, 0, start, end, start) == -config::kMaxAmount);
  for (int day = 0; day <= 366; ++day) {
    const auto up = proratedEstimate(1000, 7777, start, end, start + hours(24 * day));
    const auto down = proratedEstimate(7777, 1000, start, end, start + hours(24 * day));
    CHECK(up == -down);
    CHECK(up >= 0);
    CHECK(up <= 6777);
  }
}
