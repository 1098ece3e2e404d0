// Every event of Polar against the event that the host gets:
// plugins/billing_polar/fixtures/webhooks, <case>.input.json and <case>.expected.json (or
// {"error":"<class>"}).
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "ccp/error.hpp"
#include "mapping.hpp"
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
  return fs::path(CCP_SOURCE_DIR) / "plugins/billing_polar/fixtures/webhooks";
}

}  // namespace

TEST_CASE("every webhook becomes the expected event") {
  std::size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(fixtures())) {
    const std::string name = entry.path().filename().string();
    const std::string suffix = ".input.json";
    if (name.size() < suffix.size() || name.substr(name.size() - suffix.size()) != suffix) continue;
    ++cases;
    CAPTURE(name);
    const std::string base = name.substr(0, name.size() - suffix.size());
    const json expected = json::parse(contentOf(fixtures() / (base + ".expected.json")));
    json actual;
    try {
      const json parsed =
          polar::parseWebhook({{"Webhook-Id", "msg_1"}}, contentOf(entry.path()), true);
      REQUIRE(parsed.at("events").size() == 1);
      actual = parsed.at("events")[0];
      const std::string problem =
          ccp::test::schemaProblem("sdk/schemas/ccp.billing/parse_webhook.out.json", parsed.dump());
      CHECK_MESSAGE(problem.empty(), problem);
    } catch (const ccp::Error& error) {
      actual = {{"error", ccp::rcName(error.rc())}};
    }
    CHECK_MESSAGE(actual == expected, json::diff(expected, actual).dump());
  }
  CHECK(cases > 60);
}

TEST_CASE("every event type of Polar has a fixture") {
  std::set<std::string> seen;
  for (const auto& entry : fs::directory_iterator(fixtures())) {
    const json body = json::parse(contentOf(entry.path()));
    if (body.is_object()) seen.insert(ccp::strOr(body, "type"));
  }
  for (const char* type : {"checkout.created",       "checkout.updated",
                           "checkout.expired",       "customer.created",
                           "customer.updated",       "customer.deleted",
                           "customer.state_changed", "customer_seat.assigned",
                           "customer_seat.claimed",  "customer_seat.revoked",
                           "member.created",         "member.updated",
                           "member.deleted",         "order.created",
                           "order.updated",          "order.paid",
                           "order.refunded",         "subscription.created",
                           "subscription.updated",   "subscription.active",
                           "subscription.canceled",  "subscription.uncanceled",
                           "subscription.cycled",    "subscription.revoked",
                           "subscription.past_due",  "subscription.paused",
                           "subscription.resumed",   "refund.created",
                           "refund.updated",         "product.created",
                           "product.updated",        "discount.created",
                           "discount.updated",       "discount.deleted",
                           "benefit.created",        "benefit.updated",
                           "benefit_grant.created",  "benefit_grant.cycled",
                           "benefit_grant.updated",  "benefit_grant.revoked",
                           "organization.updated"}) {
    CHECK_MESSAGE(seen.count(type) == 1, type);
  }
}

TEST_CASE(
    "an event without its delivery id is refused: it could not be recognised when it comes again") {
  const std::string body =
      R"({"type":"customer.updated","timestamp":"2026-11-01T09:00:00Z","data":{"id":"x"}})";
  CHECK_THROWS_AS(polar::parseWebhook({}, body, true), ccp::Error);
  CHECK_THROWS_AS(polar::parseWebhook({{"webhook-id", "a"}, {"Webhook-Id", "b"}}, body, true),
                  ccp::Error);
}

TEST_CASE("a body that is no JSON, or nests without end, is refused") {
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("\xff\xfe"), std::string(100000, '['),
        std::string(R"({"type":"a","data":{}} trailing)")}) {
    CHECK_THROWS_AS(polar::parseWebhook({{"webhook-id", "a"}}, body, true), ccp::Error);
  }
}

TEST_CASE("the catalog shows what each product sells") {
  const json product = json::parse(
      R"({"id":"p","name":"Solo","recurring_interval":"month","is_archived":false,"prices":[
    {"id":"a","amount_type":"fixed","price_amount":2900,"price_currency":"usd","is_archived":false},
    {"id":"b","amount_type":"metered_unit","is_archived":true}]})");
  const json expected = json::parse(R"([
    {"product_id":"p","price_id":"a","name":"Solo","amount":{"amount_minor":2900,"currency":"USD"},"interval":"month","archived":false},
    {"product_id":"p","price_id":"b","name":"Solo","amount":null,"interval":"month","archived":true}])");
  CHECK(polar::prices(product) == expected);
  CHECK(polar::prices(json::object()) == json::array());
}

TEST_CASE("granted features are read from feature_flag benefits alone") {
  const json state = json::parse(R"({"granted_benefits":[
    {"benefit_type":"feature_flag","benefit_metadata":{"feature":"dashboards"}},
    {"benefit_type":"custom","benefit_metadata":{"feature":"other"}},
    {"benefit_type":"feature_flag","benefit_metadata":{"feature":5}}, 7]})");
  CHECK(polar::grantedFeatures(state) == json::array({"dashboards"}));
  CHECK(polar::grantedFeatures(nullptr) == json::array());
}
