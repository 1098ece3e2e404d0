// What a changed catalog does to customers, and when it must not be applied.
#include "core/billing/catalog_diff.hpp"

#include <doctest/doctest.h>

#include "core/config/catalog_check.hpp"

using namespace ccp;
using namespace ccp::billing;

namespace {

config::PlanCatalog catalog(const std::string& yaml) {
  auto out = config::parseCatalog(yaml, "plans.yaml", "none", {});
  REQUIRE_MESSAGE(out.has_value(), out.error().detail);
  return std::move(*out);
}

const std::string kRunning = R"(
- {id: community, limits: {agents: 1}}
- id: solo
  entitlements: [dashboards]
  limits: {agents: 5}
  prices:
    - {id: solo-month, interval: month, amount_minor: 2900, currency: USD, providers: {polar: {product: p1}, stripe: {price: s1}}}
- id: team
  entitlements: [dashboards, sso]
  limits: {agents: 20}
  prices:
    - {id: team-month, interval: month, tiers: [{up_to: 10, amount_minor: 2500}, {amount_minor: 2000}], currency: USD, providers: {polar: {product: p2}}}
)";

CatalogUse use() {
  CatalogUse out;
  out.plans = {{"community", 40, 40}, {"solo", 7, 7}, {"team", 3, 42}};
  out.prices = {{"solo-month", "polar", 5, 5, 5}, {"solo-month", "stripe", 2, 2, 2}, {"team-month", "polar", 3, 3, 42}};
  return out;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

CatalogDiff diff(const std::string& what, const std::string& with) {
  return diffCatalogs(catalog(kRunning), catalog(replaced(kRunning, what, with)), use());
}

}  // namespace

TEST_CASE("an equal catalog changes nothing for anybody") {
  const auto same = diffCatalogs(catalog(kRunning), catalog(kRunning), use());
  CHECK(same.empty());
  CHECK(same.refusals.empty());
  CHECK(checkCatalogInUse(catalog(kRunning), catalog(kRunning), use()).has_value());
}

TEST_CASE("features and limits are told with those whom they concern") {
  const auto d = diff("entitlements: [dashboards, sso]\n  limits: {agents: 20}", "entitlements: [sso, reviewer_bot]\n  limits: {agents: unlimited, nodes: 3}");
  REQUIRE(d.plans.size() == 1);
  const auto& team = d.plans[0];
  CHECK(team.id == "team");
  CHECK(team.kind == "changed");
  CHECK(team.orgs == 3);
  CHECK(team.seats == 42);
  CHECK(team.prices.empty());
  std::vector<std::string> what;
  for (const auto& each : team.changes) what.push_back(each.what + " " + each.before.dump() + " -> " + each.after.dump());
  CHECK(what == std::vector<std::string>{"features.dashboards true -> false", "features.reviewer_bot false -> true",
                                         "limits.agents 20 -> \"unlimited\"", "limits.nodes null -> 3"});
  CHECK(d.refusals.empty());
}

TEST_CASE("amounts, steps, trials and mappings of a price are told with its subscriptions") {
  const auto dearer = diff("amount_minor: 2900, currency: USD", "amount_minor: 3900, currency: USD, trial_days: 7");
  REQUIRE(dearer.plans.size() == 1);
  REQUIRE(dearer.plans[0].prices.size() == 1);
  const auto& price = dearer.plans[0].prices[0];
  CHECK(price.kind == "changed");
  CHECK(price.subscriptions == 7);
  CHECK(price.orgs == 7);
  REQUIRE(price.changes.size() == 2);
  CHECK(price.changes[0].what == "amount");
  CHECK(price.changes[0].before.intOr("amount_minor") == 2900);
  CHECK(price.changes[1].what == "trial_days");
  CHECK(dearer.refusals.empty());

  const auto steps = diff("{up_to: 10, amount_minor: 2500}", "{up_to: 20, amount_minor: 2500}");
  CHECK(steps.plans[0].prices[0].seats == 42);
  CHECK(steps.plans[0].prices[0].changes[0].before["tiers"].size() == 2);

  const auto mapped = diff("providers: {polar: {product: p2}}", "providers: {polar: {product: p2}, stripe: {price: s2}}");
  CHECK(mapped.plans[0].prices[0].changes[0].what == "providers.stripe");
  CHECK(mapped.plans[0].prices[0].changes[0].before.isNull());
  CHECK(mapped.refusals.empty());
}

TEST_CASE("what running subscriptions are known by cannot be dropped") {
  const auto refused = [](const CatalogDiff& d) { return d.refusals; };
  const auto no_stripe = refused(diff(", stripe: {price: s1}", ""));
  REQUIRE(no_stripe.size() == 1);
  CHECK(no_stripe[0] == "The price solo-month drops the id stripe s1, but 2 running subscription(s) of 2 organization(s) use it.");
  CHECK(refused(diff("product: p2", "product: p3")).size() == 1);
  const auto gone = kRunning.substr(0, kRunning.find("- id: team"));
  const auto removed = diffCatalogs(catalog(kRunning), catalog(gone), use());
  REQUIRE(removed.refusals.size() == 1);
  CHECK(removed.refusals[0] == "The price team-month (polar p2) is removed, but 3 running subscription(s) of 3 organization(s) use it.");
  REQUIRE(removed.plans.size() == 1);
  CHECK(removed.plans[0].kind == "removed");
  CHECK(removed.plans[0].prices[0].kind == "removed");
  const auto status = checkCatalogInUse(catalog(kRunning), catalog(gone), use());
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == Errc::catalog_in_use);
  CHECK(status.error().detail.find("retired: true") != std::string::npos);
  // Retired instead of removed, or moved to a price of another name: they are known still.
  CHECK(refused(diff("id: team-month,", "id: team-month, retired: true,")).empty());
  CHECK(refused(diff("id: team-month", "id: team-monthly")).empty());
  // Nobody uses it: it may go.
  auto nobody = use();
  nobody.prices.clear();
  CHECK(checkCatalogInUse(catalog(kRunning), catalog(gone), nobody).has_value());
  // A subscription whose price is unknown already is no reason.
  auto unknown = use();
  unknown.prices = {{"older", "polar", 1, 1, 1}};
  CHECK(checkCatalogInUse(catalog(kRunning), catalog(gone), unknown).has_value());
}

TEST_CASE("the order of plans is what a change downwards is judged by") {
  const auto solo = kRunning.find("- id: solo"), team = kRunning.find("- id: team");
  const auto turned = kRunning.substr(0, solo) + kRunning.substr(team) + kRunning.substr(solo, team - solo);
  const auto d = diffCatalogs(catalog(kRunning), catalog(turned), use());
  REQUIRE(d.plans.size() == 2);
  CHECK(d.plans[0].changes[0].what == "order");
  // A new plan in between moves nobody.
  const auto more = kRunning.substr(0, team) + "- id: plus\n" + kRunning.substr(team);
  const auto added = diffCatalogs(catalog(kRunning), catalog(more), use());
  REQUIRE(added.plans.size() == 1);
  CHECK(added.plans[0].kind == "added");
  CHECK(added.json()["plans"].items()[0].strOr("id") == "plus");
}
