// What prices cost, and everything that is wrong with a catalog, at once and with its place.
#include "core/config/plan_catalog.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "core/base/file.hpp"
#include "core/config/catalog_check.hpp"
#include "core/config/settings.hpp"

using namespace ccp;
using namespace ccp::config;

namespace {

Price volume() {
  Price out;
  out.id = "team-month";
  out.per = "seat";
  out.tiers = {{10, 2500}, {25, 2200}, {std::nullopt, 2000}};
  out.amount_minor = 2500;
  return out;
}

Price flat(std::int64_t amount, const char* per = "seat") {
  Price out;
  out.id = "p";
  out.per = per;
  out.amount_minor = amount;
  return out;
}

std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// The mistakes of a catalog in a text of its own.
std::vector<std::string> mistakes(std::string_view yaml, const CatalogNames& names = {}) {
  const auto catalog = parseCatalog(yaml, "plans.yaml", "none", names);
  if (catalog) return {};
  CHECK(catalog.error().code == Errc::catalog_invalid);
  auto lines = linesOf(catalog.error().detail);
  if (!catalog.error().fields.empty()) CHECK(catalog.error().fields.size() == lines.size());
  return lines;
}

std::string exampleFile(const char* name) {
  // The test runs in the build tree of the checkout.
  for (auto folder = std::filesystem::current_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    if (exists(folder / "docs/examples" / name)) return folder / "docs/examples" / name;
  }
  return std::filesystem::path(__FILE__).parent_path() / "../../../../docs/examples" / name;
}

}  // namespace

TEST_CASE("volume pricing: the step of the whole quantity prices every unit") {
  const Price price = volume();
  CHECK(*priceOf(price, 1) == 2500);
  CHECK(*priceOf(price, 10) == 25000);
  CHECK(*priceOf(price, 11) == 24200);
  CHECK(*priceOf(price, 25) == 55000);
  CHECK(*priceOf(price, 26) == 52000);
  CHECK(*priceOf(price, 1000) == 2'000'000);
}

TEST_CASE("a flat price counts units, a price of the organization does not") {
  CHECK(*priceOf(flat(2900), 3) == 8700);
  CHECK(*priceOf(flat(0), 3) == 0);
  CHECK(*priceOf(flat(9900, "org"), 1) == 9900);
  CHECK(*priceOf(flat(9900, "org"), 500) == 9900);
}

TEST_CASE("no quantity and no amount leaves what integers hold") {
  for (const std::int64_t quantity : {std::int64_t{0}, std::int64_t{-1}, kMaxQuantity + 1, INT64_MAX, INT64_MIN}) {
    const auto result = priceOf(flat(2900), quantity);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::validation_failed);
  }
  CHECK(*priceOf(flat(kMaxAmount), 1) == kMaxAmount);
  CHECK_FALSE(priceOf(flat(kMaxAmount), 2).has_value());
  CHECK(*priceOf(flat(kMaxAmount / 2), 2) == kMaxAmount - 1);
  CHECK_FALSE(priceOf(flat(kMaxAmount / 1000), 1001).has_value());
  CHECK_FALSE(priceOf(flat(-1), 1).has_value());
  CHECK_FALSE(priceOf(flat(INT64_MAX), 1).has_value());
}

TEST_CASE("the unit price never rises with the quantity when the steps fall") {
  const Price price = volume();
  std::int64_t before = INT64_MAX;
  for (std::int64_t quantity = 1; quantity <= 200; ++quantity) {
    const auto total = *priceOf(price, quantity);
    CHECK(total % quantity == 0);
    CHECK(total / quantity <= before);
    before = total / quantity;
  }
}

TEST_CASE("every mistake is told at once, each with its line") {
  const auto lines = mistakes(R"(- id: community
- id: community
  tittle: Community
  limits: {seats: -1, agents: many}
- id: solo
  entitlements: [dashboards, dashboards, Bad-Name]
  prices:
    - {id: solo-month, amount_minor: 2900, currency: USD}
    - {id: solo-month, interval: week, amount_minor: 2900.5, currency: XXX, trial_days: 91}
    - {id: solo-year, interval: year, currency: usd, providers: {strpie: {price: a}, polar: {}, stripe: {price: 7}}}
- id: team
  prices:
    - id: team-month
      interval: month
      currency: USD
      tiers: [{up_to: 10, amount_minor: 2500}, {up_to: 10, amount_minor: 2000}, {amount_minor: 1}, {up_to: 50, amount_minor: 1}]
    - {id: team-org, per: org, interval: month, currency: USD, amount_minor: 1, tiers: []}
)");
  const std::vector<std::string> wanted{
      "plans.yaml:2:7: /1/id is the id of another plan as well.",
      "plans.yaml:3:11: /1/tittle is unknown here; known are id, title, entitlements, limits, prices.",
      "plans.yaml:4:19: /1/limits/seats must be an integer from 0, or unlimited.",
      "plans.yaml:4:31: /1/limits/agents must be an integer from 0, or unlimited.",
      "plans.yaml:6:30: /2/entitlements/1 stands in this list twice.",
      "plans.yaml:6:42: /2/entitlements/2 must be a feature code of a-z, 0-9 and _, beginning with a letter, at most 63 characters.",
      "plans.yaml:8:7: /2/prices/0 has no interval: month or year.",
      "plans.yaml:9:12: /2/prices/1/id is the id of another price as well.",
      "plans.yaml:9:34: /2/prices/1/interval must be month or year.",
      "plans.yaml:9:54: /2/prices/1/amount_minor must be an integer from 0 to 9007199254740991.",
      "plans.yaml:9:72: /2/prices/1/currency must be a currency code of ISO 4217, such as USD.",
      "plans.yaml:9:89: /2/prices/1/trial_days must be an integer from 0 to 90.",
      "plans.yaml:10:7: /2/prices/2 has no amount_minor (cents) and no tiers.",
      "plans.yaml:10:49: /2/prices/2/currency must be a currency code of ISO 4217, such as USD.",
      "plans.yaml:10:74: /2/prices/2/providers/strpie names no instance under plugins, and no billing plugin that comes with CCP (polar, sandbox, stripe).",
      "plans.yaml:10:93: /2/prices/2/providers/polar has neither product nor price.",
      "plans.yaml:10:113: /2/prices/2/providers/stripe/price must be the provider's id, a text of 1 to 255 characters.",
      "plans.yaml:16:56: /3/prices/0/tiers/1/up_to does not ascend: the step before ends at 10.",
      "plans.yaml:16:81: /3/prices/0/tiers/2 has no end (up_to), so that the steps after it would never be reached.",
      "plans.yaml:16:108: /3/prices/0/tiers/3/up_to is the end of the last step; leave it out (or null), so that every quantity has a price.",
      "plans.yaml:17:88: /3/prices/1/tiers stands beside amount_minor; a price has one of the two.",
      "plans.yaml:17:88: /3/prices/1/tiers needs per: seat; a price per organization has one amount.",
      "plans.yaml:17:88: /3/prices/1/tiers must be a list such as [{up_to: 10, amount_minor: 2500}, {up_to: null, amount_minor: 2000}].",
  };
  for (std::size_t i = 0; i < std::max(lines.size(), wanted.size()); ++i) {
    CHECK((i < lines.size() ? lines[i] : "") == (i < wanted.size() ? wanted[i] : ""));
  }
}

TEST_CASE("a provider's id stands under one price: by price id, or by product where there is none") {
  const auto catalog = [](const char* a, const char* b) {
    const std::string price = "interval: month, amount_minor: 1, currency: USD, providers: {stripe: ";
    return mistakes("- id: p\n  prices:\n    - {id: a, " + price + a + "}}\n    - {id: b, " + price + b + "}}\n");
  };
  CHECK(catalog("{product: p1, price: x}", "{product: p1, price: y}").empty());
  CHECK(catalog("{product: p1, price: x}", "{product: p1}").empty());
  CHECK(catalog("{product: p1}", "{product: p2}").empty());
  CHECK(catalog("{product: p1, price: x}", "{product: p2, price: x}").size() == 1);
  CHECK(catalog("{price: x}", "{product: p2, price: x}").size() == 1);
  const auto twice = catalog("{product: p1}", "{product: p1}");
  REQUIRE(twice.size() == 1);
  CHECK(twice[0] == "plans.yaml:4:84: /0/prices/1/providers/stripe names an id that stands under another price as well.");
}

TEST_CASE("providers are the configured instances and the shipped ones") {
  const char* yaml = "- {id: p, prices: [{id: a, interval: month, amount_minor: 1, currency: USD, providers: {polar-eu: {price: x}}}]}\n";
  CHECK(mistakes(yaml).size() == 1);
  CHECK(mistakes(yaml, {{"polar-eu"}}).empty());
}

TEST_CASE("what is no list of plans is told as such") {
  CHECK(mistakes("{id: a}") == std::vector<std::string>{"plans.yaml:1:1: / must be a list of plans."});
  CHECK(mistakes("- 1\n- [a]\n").size() == 2);
  CHECK(mistakes("- {title: x}\n") == std::vector<std::string>{"plans.yaml:1:3: /0 has no id."});
  CHECK(mistakes("- id: [\n").size() == 1);
  CHECK(mistakes("- {id: a, prices: {x: 1}}\n").size() == 1);
  CHECK(parseCatalog("- id: a\n", "x", "b", {}).error().detail == "x:1:1: / has no plan \"b\", which plans.fallback names.");
}

TEST_CASE("a long list of mistakes ends") {
  std::string yaml;
  for (int i = 0; i < 300; ++i) yaml += "- {id: A}\n";
  CHECK(mistakes(yaml).size() == 100);
}

TEST_CASE("unlimited is a number that no count reaches") {
  const auto catalog = parseCatalog("- {id: a, limits: {agents: unlimited, seats: 3}}", "x", "a", {});
  REQUIRE(catalog.has_value());
  CHECK(catalog->find("a")->limits.at("agents") == kUnlimited);
  CHECK(catalog->find("a")->limits.at("seats") == 3);
}

TEST_CASE("mistakes of a catalog inside ccp.yaml have its lines, all of them") {
  const auto s = parseSettings("mode: dev\nplans:\n  catalog:\n    - {id: community}\n    - {id: A}\n    - {id: b, limit: {}}\n", "ccp.yaml", {});
  REQUIRE_FALSE(s.has_value());
  CHECK(s.error().code == Errc::config_invalid);
  const auto lines = linesOf(s.error().detail);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("ccp.yaml:5:12: /plans/catalog/1/id "));
  CHECK(lines[1].starts_with("ccp.yaml:6:22: /plans/catalog/2/limit "));
}

TEST_CASE("the shipped catalog is what the founding documents say") {
  const auto text = readFile(exampleFile("plans.yaml"), 1 << 20);
  REQUIRE(text.has_value());
  const auto catalog = parseCatalog(*text, "plans.yaml", "community", {});
  REQUIRE_MESSAGE(catalog.has_value(), catalog.error().detail);
  std::vector<std::string> order;
  for (const auto& plan : catalog->plans) order.push_back(plan.id);
  CHECK(order == std::vector<std::string>{"community", "solo", "team", "enterprise"});
  CHECK(catalog->findPrice("solo-month").price->amount_minor == 2900);
  CHECK(catalog->findPrice("solo-full-month").price->amount_minor == 4900);
  CHECK(catalog->find("community")->limits.at("jobs_per_month") == 100);
  CHECK(catalog->find("solo")->limits.at("agents") == 5);
  CHECK(catalog->find("team")->limits.at("jobs_per_month") == 10000);
  CHECK(catalog->find("enterprise")->limits.at("agents") == kUnlimited);
  CHECK(*priceOf(*catalog->findPrice("team-month").price, 3) == 7500);
  for (const auto& plan : catalog->plans) {
    for (const auto& price : plan.prices) {
      CHECK(price.trial_days >= 7);
      CHECK(price.trial_days <= 14);
      CHECK(price.providers.size() == 3);
    }
  }
}
