// Plans side by side, prices with their steps, and what a change did.
#include "cli/support/plan_table.hpp"

#include <doctest/doctest.h>

#include "cli/support/org_lookup.hpp"
#include "cli/support/plan_change.hpp"
#include "cli/support/text_table.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {

namespace {

Json plans() {
  return *parseJson(R"([
    {"id":"community","title":"Community","entitlements":[],"limits":{"seats":1,"agents":1},"prices":[]},
    {"id":"team","title":"Team","entitlements":["dashboards","sso"],"limits":{"seats":50,"jobs_per_month":10000},"prices":[
      {"id":"team-month","per":"seat","interval":"month","amount":{"amount_minor":2500,"currency":"USD"},"privacy":"minimized","trial_days":14,
       "tiers":[{"up_to":10,"amount":{"amount_minor":2500,"currency":"USD"}},{"up_to":null,"amount":{"amount_minor":2000,"currency":"USD"}}]}]},
    {"id":"enterprise","title":"Enterprise","entitlements":["dashboards","sla"],"limits":{"seats":9007199254740991},"prices":[
      {"id":"old","per":"org","interval":"year","amount":{"amount_minor":900,"currency":"JPY"},"privacy":"full","trial_days":0,"retired":true}]}])");
}

}  // namespace

TEST_CASE("plans stand side by side, and the one in force is marked") {
  CHECK(planTable(plans(), "team", "", "") ==
        "                Community  * Team  Enterprise\n"
        "─────────────────────────────────────────────\n"
        "seats                   1      50   unlimited\n"
        "agents                  1       –           –\n"
        "jobs per month          –  10,000           –\n"
        "dashboards              –     yes         yes\n"
        "sso                     –     yes           –\n"
        "sla                     –       –         yes\n");
}

TEST_CASE("a volume price has a line for each step") {
  CHECK(priceTable(plans(), "team-month", "", "") ==
        "PRICE         PLAN           AMOUNT                                FREE TRIAL  PRIVACY\n"
        "──────────────────────────────────────────────────────────────────────────────────────────────────────\n"
        "* team-month  Team        25.00 USD  per seat and month, up to 10  14 days     minimized\n"
        "                          20.00 USD  per seat and month, beyond\n"
        "  old         Enterprise    900 JPY  per org and year              –           full, not sold any more\n");
}

TEST_CASE("money has the digits of its currency") {
  CHECK(moneyText(2900, "USD") == "29.00 USD");
  CHECK(moneyText(123456789, "EUR") == "1,234,567.89 EUR");
  CHECK(moneyText(900, "JPY") == "900 JPY");
  CHECK(moneyText(1234, "KWD") == "1.234 KWD");
  CHECK(moneyText(-5, "USD") == "-0.05 USD");
  CHECK(moneyText(-1250, "USD") == "-12.50 USD");
  CHECK(moneyText(100, "???") == "1.00 ???");
  CHECK(amountText(Json()) == "–");
  CHECK(limitText(Json()) == "–");
}

TEST_CASE("a person is found by address, handle or id") {
  const auto items = *parseJson(R"([{"id":"seat_1","email":"bert@acme.dev","github":"bertcodes"},{"id":"seat_2","email":null,"github":"octocat"}])");
  const auto found = [&](const char* who) -> std::string {
    const auto item = findPerson(items, who, "seat for", "ccp seats list");
    return item ? item->strOr("id") : item.error().code;
  };
  CHECK(found("Bert@Acme.dev") == "seat_1");
  CHECK(found("@BertCodes") == "seat_1");
  CHECK(found("@octocat") == "seat_2");
  CHECK(found("seat_2") == "seat_2");
  CHECK(found("octocat") == "not_found");
  CHECK(found("@") == "not_found");
  CHECK(found("") == "not_found");
  CHECK(invitationOf("@octocat", "", "member") == Json::object({{"role", "member"}, {"github", "@octocat"}}));
  CHECK(invitationOf("a@b.c", "octocat", "viewer") == Json::object({{"role", "viewer"}, {"email", "a@b.c"}, {"github", "octocat"}}));
}

}  // namespace ccp::cli
