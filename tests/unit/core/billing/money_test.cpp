// Properties of money: what a change costs, what a quantity costs, currencies that do not mix.
#include "core/billing/money.hpp"

#include <doctest/doctest.h>

#include "core/config/plan_catalog.hpp"
#include "tests/support/billing_life.hpp"

using namespace ccp;
using namespace ccp::billing;
using namespace ccp::test;

namespace {

constexpr int kTries = 20'000;

/// Small and large amounts, and the largest.
std::int64_t amount(Chance& chance) {
  switch (chance.below(4)) {
    case 0: return static_cast<std::int64_t>(chance.below(100));
    case 1: return static_cast<std::int64_t>(chance.below(1'000'000));
    case 2: return static_cast<std::int64_t>(chance.below(static_cast<std::uint64_t>(config::kMaxAmount)));
    default: return chance.oneIn(2) ? config::kMaxAmount : 0;
  }
}

struct Period {
  Timestamp start, end;
  Timestamp within(Chance& chance) const {
    return start + Duration(static_cast<std::int64_t>(chance.below(static_cast<std::uint64_t>((end - start).count()) + 1)));
  }
};
Period period(Chance& chance) {
  const Timestamp start = fromUnixSeconds(1'800'000'000 + static_cast<std::int64_t>(chance.below(100'000'000)));
  return {start, start + seconds(static_cast<std::int64_t>(1 + chance.below(3600ull * 24 * 366 * 10)))};
}

}  // namespace

TEST_CASE("a change costs nothing at the end, all of it at the start, and never more") {
  for (int seed = 0; seed < kTries; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed));
    const auto p = period(chance);
    const auto a = amount(chance), b = amount(chance);
    const auto at = p.within(chance), later = p.within(chance);
    const auto cost = [&](std::int64_t from, std::int64_t to, Timestamp now) { return proratedEstimate(from, to, p.start, p.end, now); };
    CAPTURE(seed);
    REQUIRE(cost(a, b, p.start) == b - a);
    REQUIRE(cost(a, b, p.end) == 0);
    REQUIRE(cost(a, b, at) == -cost(b, a, at));
    REQUIRE(std::abs(cost(a, b, at)) <= std::abs(b - a));
    REQUIRE((b >= a ? cost(a, b, at) >= 0 : cost(a, b, at) <= 0));
    const auto soon = std::min(at, later), late = std::max(at, later);
    REQUIRE(std::abs(cost(a, b, late)) <= std::abs(cost(a, b, soon)));
  }
}

TEST_CASE("changes one after the other cost what the change to the last costs, but for rounding") {
  for (int seed = 0; seed < kTries; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 1'000'000);
    const auto p = period(chance);
    const auto at = p.within(chance);
    std::vector<std::int64_t> amounts;
    for (auto n = 2 + chance.below(6); n > 0; --n) amounts.push_back(amount(chance));
    std::int64_t sum = 0;
    for (std::size_t i = 1; i < amounts.size(); ++i) sum += proratedEstimate(amounts[i - 1], amounts[i], p.start, p.end, at);
    const auto whole = proratedEstimate(amounts.front(), amounts.back(), p.start, p.end, at);
    CAPTURE(seed);
    REQUIRE(std::abs(sum - whole) < static_cast<std::int64_t>(amounts.size()));
    // There and back in the same moment costs nothing at all.
    REQUIRE(proratedEstimate(amounts[0], amounts[1], p.start, p.end, at) + proratedEstimate(amounts[1], amounts[0], p.start, p.end, at) == 0);
  }
}

TEST_CASE("the parts of a period add up to the period") {
  for (int seed = 0; seed < kTries / 10; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 2'000'000);
    const auto p = period(chance);
    const auto price = amount(chance);
    const auto parts = 1 + chance.below(12);
    std::vector<Timestamp> cuts{p.start, p.end};
    for (std::uint64_t i = 1; i < parts; ++i) cuts.push_back(p.within(chance));
    std::sort(cuts.begin(), cuts.end());
    // What is used between two moments is what is given back at the first less what is at the second.
    std::int64_t used = 0;
    for (std::size_t i = 1; i < cuts.size(); ++i)
      used += proratedEstimate(0, price, p.start, p.end, cuts[i - 1]) - proratedEstimate(0, price, p.start, p.end, cuts[i]);
    CAPTURE(seed);
    REQUIRE(used == price);
  }
}

TEST_CASE("currencies do not mix") {
  const Timestamp start = fromUnixSeconds(1'800'000'000), end = start + hours(24 * 30);
  const auto same = prorated({2500, "USD"}, {5000, "USD"}, start, end, start + hours(24 * 15));
  REQUIRE(same);
  CHECK((*same == Money{1250, "USD"}));
  for (const char* other : {"EUR", "", "usd"}) {
    const auto mixed = prorated({2500, "USD"}, {5000, other}, start, end, start);
    REQUIRE(!mixed);
    CHECK((mixed.error().code == Errc::validation_failed));
  }
}

TEST_CASE("a quantity costs its units at the step that it has reached, or is refused") {
  for (int seed = 0; seed < kTries; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 3'000'000);
    config::Price price;
    price.id = "p";
    price.per = "seat";
    price.currency = "USD";
    std::int64_t up_to = 0;
    for (auto n = chance.below(4); n > 0; --n) {
      up_to += 1 + static_cast<std::int64_t>(chance.below(50));
      price.tiers.push_back({up_to, amount(chance)});
    }
    price.tiers.push_back({std::nullopt, amount(chance)});
    const auto quantity = 1 + static_cast<std::int64_t>(chance.below(300));
    std::int64_t unit = price.tiers.back().amount_minor;
    for (auto it = price.tiers.rbegin(); it != price.tiers.rend(); ++it) {
      if (it->up_to && quantity <= *it->up_to) unit = it->amount_minor;
    }
    const auto cost = config::priceOf(price, quantity);
    const bool fits = static_cast<__int128>(unit) * quantity <= config::kMaxAmount;
    CAPTURE(seed);
    REQUIRE(cost.has_value() == fits);
    if (cost) REQUIRE(*cost == unit * quantity);
  }
}
