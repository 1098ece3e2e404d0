// The sandbox provider's JSON and webhooks against what the host gets.
#include <doctest/doctest.h>

#include "ccp/error.hpp"
#include "ccp/testing/sha256.hpp"
#include "ccp/text.hpp"
#include "mapping.hpp"

namespace {

using ccp::json;

json subscription(const json& changes = json::object()) {
  json out = json::parse(
      R"({"id":"sub_1","status":"active","customer_id":"cus_1","product_id":"","price_id":"solo-month","quantity":2,
    "amount":{"amount_minor":5800,"currency":"USD"},"period_start_at":"2026-11-01T09:00:00.000000Z","period_end_at":"2026-12-01T09:00:00.000000Z",
    "trial_end_at":null,"cancel_at_period_end":false,"ends_at":null,"past_due_at":null,"paused_at":null,"resumes_at":null,
    "modified_at":"2026-11-01T09:00:00.250000Z"})");
  out.update(changes);
  return out;
}

json eventOf(const char* type, const json& object, const json& extra = json::object()) {
  json out = {{"id", "evt_1"},
              {"type", type},
              {"created_at", "2026-11-01T09:00:01Z"},
              {"livemode", false},
              {"data", {{"object", object}}}};
  out.update(extra);
  return out;
}

}  // namespace

TEST_CASE("a subscription is one whole snapshot") {
  const json whole = sandbox_billing::snapshot(subscription());
  CHECK(
      whole ==
      json::parse(
          R"({"id":"sub_1","customer_id":"cus_1","status":"active","product_id":"","price_id":"solo-month","quantity":2,
    "amount":{"amount_minor":5800,"currency":"USD"},"period_start_at":"2026-11-01T09:00:00Z","period_end_at":"2026-12-01T09:00:00Z",
    "trial_end_at":null,"cancel_at_period_end":false,"ends_at":null,"past_due_at":null,"paused_at":null,"resumes_at":null,
    "modified_at":"2026-11-01T09:00:00.25Z"})"));
  CHECK(sandbox_billing::snapshot(subscription({{"status", "melted"}}))["status"] == "unknown");
  for (const char* key : {"id", "customer_id", "status"}) {
    CAPTURE(key);
    CHECK(sandbox_billing::snapshot(subscription({{key, nullptr}})).is_null());
    CHECK(sandbox_billing::snapshot(subscription({{key, 7}})).is_null());
    CHECK(sandbox_billing::snapshot(subscription({{key, std::string(5000, 'x')}})).is_null());
  }
  const json odd = sandbox_billing::snapshot(
      subscription({{"quantity", -4}, {"amount", "free"}, {"modified_at", 5}}));
  CHECK(odd["quantity"] == 1);
  CHECK(odd["amount"].is_null());
  CHECK(odd["modified_at"].is_null());
}

TEST_CASE("kinds of events") {
  struct Row {
    json body;
    const char* kind;
    const char* outcome;
  };
  const json money = {{"id", "x_1"},
                      {"customer_id", "cus_1"},
                      {"subscription_id", "sub_1"},
                      {"amount", {{"amount_minor", 100}, {"currency", "USD"}}}};
  const auto with = [&money](const char* outcome) {
    json out = money;
    out["outcome"] = outcome;
    return out;
  };
  const std::vector<Row> rows = {
      {eventOf("subscription.created", subscription()), "subscription", ""},
      {eventOf("subscription.renewed", subscription()), "subscription", ""},
      {eventOf("subscription.updated", subscription({{"status", nullptr}})), "fetch", ""},
      {eventOf("subscription.updated", {{"id", "sub_1"}, {"object", "subscription"}},
               {{"thin", true}}),
       "fetch", ""},
      {eventOf("payment.succeeded", money), "payment", ""},
      {eventOf("payment.failed", money), "payment", ""},
      {eventOf("refund.created", with("full")), "refund", "full"},
      {eventOf("refund.created", with("partial")), "refund", "partial"},
      {eventOf("dispute.opened", with("opened")), "dispute", "opened"},
      {eventOf("dispute.closed", with("lost")), "dispute", "lost"},
      {eventOf("customer.created", {{"id", "cus_1"}}), "customer", ""},
      {eventOf("checkout.succeeded", {{"id", "cs_1"},
                                      {"status", "succeeded"},
                                      {"customer_id", "cus_1"},
                                      {"subscription_id", "sub_1"}}),
       "checkout", ""},
      {eventOf("weather.changed", {{"id", "w"}}), "ignored", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.body.dump());
    const json event = sandbox_billing::event(row.body);
    CHECK(event["kind"] == row.kind);
    CHECK(ccp::strOr(event, "outcome") == row.outcome);
    CHECK(event["event_id"] == "evt_1");
    CHECK(event["occurred_at"] == "2026-11-01T09:00:01Z");
  }
}

TEST_CASE("what is no event is refused") {
  for (const json& body :
       {json::array(), json::object(), eventOf("refund.created", {{"id", "x"}}),
        eventOf("refund.created", {{"outcome", "huge"}}),
        eventOf("checkout.created", {{"id", "x"}}),
        eventOf("subscription.created", {{"status", "active"}}), eventOf("a", nullptr),
        eventOf("a", json::array()),
        json({{"id", 5}, {"type", "a"}, {"data", {{"object", json::object()}}}})}) {
    CAPTURE(body.dump());
    CHECK_THROWS_AS(sandbox_billing::event(body), ccp::Error);
  }
}

TEST_CASE("the body's id must be the signed one") {
  const std::string body = eventOf("customer.created", {{"id", "cus_1"}}).dump();
  CHECK(sandbox_billing::parseWebhook({{"webhook-id", "evt_1"}}, body)["events"].size() == 1);
  CHECK_THROWS_AS(sandbox_billing::parseWebhook({{"webhook-id", "evt_2"}}, body), ccp::Error);
  CHECK_THROWS_AS(sandbox_billing::parseWebhook({}, body), ccp::Error);
}
