#include "core/decisions/turns.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace ccp;
using ccp::decisions::Turns;

TEST_CASE("one of an organization at a time, and few of all") {
  Turns turns(2);
  std::optional<Turns::Turn> first;
  first.emplace(turns, "org_a");
  CHECK(first->check());
  const auto refused = Turns::Turn(turns, "org_a").check();
  REQUIRE_FALSE(refused);
  CHECK((refused.error().code == Errc::rate_limited));
  CHECK(refused.error().retry_after_s == 1);
  const Turns::Turn second(turns, "org_b");
  CHECK(second.check());
  CHECK_FALSE(Turns::Turn(turns, "org_c").check());
  first.reset();
  CHECK(Turns::Turn(turns, "org_a").check());
}
