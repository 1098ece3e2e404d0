#include "core/billing/call_budget.hpp"

#include <doctest/doctest.h>

#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::billing;

TEST_CASE("the call budget refills by the second and heeds a pause") {
  config::Settings settings;
  settings.billing.calls_per_minute = 60;
  const config::LiveSettings live(settings);
  test::FakeClock clock;
  CallBudget budget(live, clock);
  int taken = 0;
  while (budget.take("pay")) ++taken;
  CHECK(taken == 60);
  CHECK(budget.take("other"));
  clock.advance(seconds(3));
  for (int i = 0; i < 3; ++i) CHECK(budget.take("pay"));
  CHECK(!budget.take("pay"));
  clock.advance(minutes(5));
  budget.pause("pay", minutes(1));
  CHECK(!budget.take("pay"));
  clock.advance(minutes(1));
  CHECK(budget.take("pay"));
}
