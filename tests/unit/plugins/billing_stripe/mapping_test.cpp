// Stripe's events against the event that the host gets: plugins/billing_stripe/fixtures/webhooks,
// <case>.input.json and <case>.expected.json (or {"error":"<class>"}). CCP_UPDATE_FIXTURES=1 writes
// the expectations anew; read the difference before it is committed.
#include "mapping.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "ccp/error.hpp"
#include "tests/support/schema_check.hpp"
#include "webhook.hpp"

namespace {

using ccp::json;
namespace fs = std::filesystem;

std::string contentOf(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path fixtures() {
  return fs::path(CCP_SOURCE_DIR) / "plugins/billing_stripe/fixtures/webhooks";
}

std::vector<std::string> cases() {
  std::vector<std::string> out;
  const std::string suffix = ".input.json";
  for (const auto& entry : fs::directory_iterator(fixtures())) {
    const std::string name = entry.path().filename().string();
    if (name.size() > suffix.size() && name.substr(name.size() - suffix.size()) == suffix)
      out.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return out;
}

}  // namespace

TEST_CASE("every webhook becomes the expected event") {
  for (const auto& base : cases()) {
    CAPTURE(base);
    json actual;
    try {
      const json parsed = stripe::parseWebhook(contentOf(fixtures() / (base + ".input.json")));
      REQUIRE(parsed.at("events").size() == 1);
      actual = parsed.at("events")[0];
      const std::string problem =
          ccp::test::schemaProblem("sdk/schemas/ccp.billing/parse_webhook.out.json", parsed.dump());
      CHECK_MESSAGE(problem.empty(), problem);
    } catch (const ccp::Error& error) {
      actual = {{"error", ccp::rcName(error.rc())}};
    }
    const fs::path path = fixtures() / (base + ".expected.json");
    if (std::getenv("CCP_UPDATE_FIXTURES") != nullptr)
      std::ofstream(path) << actual.dump(1) << "\n";
    const json expected = json::parse(contentOf(path), nullptr, false);
    CHECK_MESSAGE(actual == expected, json::diff(expected, actual).dump());
  }
  CHECK(cases().size() >= 55);
}

TEST_CASE("every event type that CCP acts on has a fixture") {
  std::set<std::string> seen;
  for (const auto& base : cases()) {
    const json body = json::parse(contentOf(fixtures() / (base + ".input.json")), nullptr, false);
    if (body.is_object()) seen.insert(ccp::strOr(body, "type"));
  }
  for (const char* type : {"checkout.session.completed",
                           "checkout.session.async_payment_succeeded",
                           "checkout.session.async_payment_failed",
                           "checkout.session.expired",
                           "customer.subscription.created",
                           "customer.subscription.updated",
                           "customer.subscription.deleted",
                           "customer.subscription.paused",
                           "customer.subscription.resumed",
                           "customer.subscription.trial_will_end",
                           "customer.subscription.pending_update_applied",
                           "customer.subscription.pending_update_expired",
                           "invoice.paid",
                           "invoice.payment_failed",
                           "invoice.payment_action_required",
                           "invoice.upcoming",
                           "invoice.finalization_failed",
                           "invoice.overdue",
                           "invoice.marked_uncollectible",
                           "charge.refunded",
                           "charge.dispute.created",
                           "charge.dispute.closed",
                           "customer.updated",
                           "customer.deleted",
                           "entitlements.active_entitlement_summary.updated",
                           "v1.billing.meter.error_report_triggered",
                           "v1.billing.meter.no_meter_found"}) {
    CHECK_MESSAGE(seen.count(type) == 1, type);
  }
}

TEST_CASE("a body that is no JSON, or nests without end, is refused") {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("\xff\xfe"), std::string(100000, '['),
        std::string(R"({"id":"evt_1","type":"a","data":{"object":{}}} trailing)")}) {
    CHECK_THROWS_AS(stripe::parseWebhook(body), ccp::Error);
  }
}

TEST_CASE("amounts that no reader of JSON could hold become none") {
  CHECK(stripe::money({{"a", 9007199254740992}, {"currency", "usd"}}, "a")["amount_minor"] ==
        9007199254740992);
  CHECK(stripe::money({{"a", 9007199254740993}, {"currency", "usd"}}, "a").is_null());
  CHECK(stripe::money({{"a", 1}, {"currency", "u$d"}}, "a").is_null());
  CHECK(stripe::money({{"a", 1.5}, {"currency", "usd"}}, "a").is_null());
}
