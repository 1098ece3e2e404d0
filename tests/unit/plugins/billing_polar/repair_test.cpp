// What list_events finds that webhooks missed, and usage as signed changes.
#include "tests/unit/plugins/billing_polar/lab.hpp"

using namespace polar_test;

namespace {

const std::string kOrder = "1b0e4f6c-7c39-4d8e-9a57-2f1f3a4b5c6d";
const std::string kRefund = "2c1f507d-8d4a-4e9f-8b68-304b4b5c6d7e";
const std::string kDispute = "3d20618e-9e5b-4fa0-9c79-415c5c6d7e8f";
const json kSince = {{"since", "2026-11-01T09:00:00Z"}};

json page(json items, int max_page = 1) {
  return {{"items", std::move(items)}, {"pagination", {{"max_page", max_page}}}};
}
json refundOf(const char* made, const char* status = "succeeded") {
  return {{"id", kRefund},    {"created_at", made}, {"modified_at", nullptr},
          {"status", status}, {"order_id", kOrder}, {"subscription_id", kSubscription},
          {"amount", 2900},   {"currency", "usd"},  {"customer_id", kCustomer}};
}
json orderOf(const char* status, const char* reason = "subscription_cycle") {
  return {{"id", kOrder},
          {"status", status},
          {"billing_reason", reason},
          {"customer_id", kCustomer},
          {"subscription_id", kSubscription}};
}

}  // namespace

TEST_CASE("failed deliveries say what they would have said, under the webhook's own id") {
  Lab lab;
  const std::string payload = json({{"type", "subscription.updated"},
                                    {"timestamp", "2026-11-01T09:00:02Z"},
                                    {"data", subscriptionOf("active")}})
                                  .dump();
  lab.script(
      {answer(200, page(json::array({{{"webhook_event", {{"id", "msg_7"}, {"payload", payload}}}},
                                     {{"webhook_event", {{"id", "msg_8"}, {"payload", nullptr}}}},
                                     {{"webhook_event", {{"id", "msg_9"}, {"payload", "{"}}}},
                                     {{"webhook_event", nullptr}}}),
                        2))});
  const auto first = lab.call(&ccp_billing_v1::list_events, kSince);
  REQUIRE(first.out["events"].size() == 1);
  CHECK(first.out["events"][0]["event_id"] == "msg_7");
  CHECK(first.out["events"][0]["kind"] == "subscription");
  CHECK(first.out["next_cursor"] == "deliveries:2");
  checkRequest("event.deliveries", lab.host.requests.at(0));
  lab.script({answer(200, page(json::array(), 2))});
  const json next = {{"since", kSince["since"]}, {"cursor", "deliveries:2"}};
  CHECK(lab.call(&ccp_billing_v1::list_events, next).out["next_cursor"] == "refunds:1");
}

TEST_CASE("a host that wants refunds and disputes only is not sent through the deliveries") {
  Lab lab;
  lab.script({answer(200, page(json::array()))});
  json in = kSince;
  in["kinds"] = json::array({"refund", "dispute"});
  CHECK(lab.call(&ccp_billing_v1::list_events, in).out["next_cursor"] == "disputes:1");
  CHECK(lab.host.requests.at(0).url.find("/v1/refunds/") != std::string::npos);
}

TEST_CASE("refunds and disputes are listed until they are too old to have changed") {
  Lab lab;
  lab.script({answer(200, page(json::array({refundOf("2026-11-02T09:00:00Z"),
                                            refundOf("2026-11-01T10:00:00Z", "pending"),
                                            refundOf("2026-10-31T09:00:00Z")}),
                               5))});
  json in = {{"since", kSince["since"]}, {"cursor", "refunds:1"}};
  const auto refunds = lab.call(&ccp_billing_v1::list_events, in);
  REQUIRE(refunds.out["events"].size() == 1);
  CHECK(refunds.out["events"][0]["event_id"] == "refund:" + kRefund);
  CHECK(refunds.out["events"][0]["kind"] == "fetch");
  CHECK(refunds.out["next_cursor"] == "refunds:2");
  checkRequest("event.refunds", lab.host.requests.at(0));
  lab.script({answer(200, page(json::array({refundOf("2026-01-01T00:00:00Z")}), 5))});
  CHECK(lab.call(&ccp_billing_v1::list_events, in).out["next_cursor"] == "disputes:1");

  const auto disputeOf = [](const char* status, const char* changed) {
    return json{
        {"id", kDispute},         {"status", status},   {"created_at", "2026-10-01T00:00:00Z"},
        {"modified_at", changed}, {"order_id", kOrder}, {"amount", 2900},
        {"currency", "usd"}};
  };
  lab.script({answer(200, page(json::array({disputeOf("needs_response", "2026-11-02T00:00:00Z"),
                                            disputeOf("lost", "2026-11-03T00:00:00Z"),
                                            disputeOf("prevented", "2026-11-03T00:00:00Z"),
                                            disputeOf("won", "2026-10-20T00:00:00Z")})))});
  in["cursor"] = "disputes:1";
  const auto disputes = lab.call(&ccp_billing_v1::list_events, in);
  REQUIRE(disputes.out["events"].size() == 3);
  CHECK(disputes.out["events"][0]["event_id"] == "dispute:" + kDispute + ":opened");
  // One that is closed was opened first, by the same id as when it was told so.
  CHECK(disputes.out["events"][1]["event_id"] == "dispute:" + kDispute + ":opened");
  CHECK(disputes.out["events"][1]["occurred_at"] == "2026-10-01T00:00:00Z");
  CHECK(disputes.out["events"][2]["event_id"] == "dispute:" + kDispute + ":lost");
  CHECK(disputes.out["next_cursor"] == "");
  checkRequest("event.disputes", lab.host.requests.at(0));
  for (const char* bad : {"moon:1", "refunds", "refunds:0", "refunds:x", "7"}) {
    in["cursor"] = bad;
    CHECK(lab.plugin->call(&ccp_billing_v1::list_events, in).rc == CCP_RC_INVALID_ARGUMENT);
  }
  CHECK(lab.plugin->call(&ccp_billing_v1::list_events, {{"since", "soon"}}).rc ==
        CCP_RC_INVALID_ARGUMENT);
}

TEST_CASE("the order tells full from partial, and of several refunds the last one made it whole") {
  Lab lab;
  lab.script({answer(200, page(json::array({refundOf("2026-11-02T09:00:00Z")})))});
  const json listed =
      lab.call(&ccp_billing_v1::list_events, {{"since", kSince["since"]}, {"cursor", "refunds:1"}})
          .out["events"][0];
  struct Row {
    const char* status;
    const char* reason;
    std::string latest;
    const char* outcome;
  };
  const std::vector<Row> rows = {{"refunded", "subscription_cycle", kRefund, "full"},
                                 {"refunded", "subscription_cycle", kDispute, "partial"},
                                 {"refunded", "subscription_update", kRefund, "partial"},
                                 {"partially_refunded", "subscription_cycle", "", "partial"}};
  for (const auto& row : rows) {
    std::vector<HttpResponse> answers = {answer(200, orderOf(row.status, row.reason))};
    if (!row.latest.empty())
      answers.push_back(answer(200, page(json::array({{{"id", row.latest}}}))));
    lab.script(answers);
    const auto result = lab.call(&ccp_billing_v1::fetch_event, listed["fetch"]);
    REQUIRE(result.ok());
    const json event = result.out["events"][0];
    CHECK(event["kind"] == "refund");
    CHECK(event["outcome"] == row.outcome);
    CHECK(event["event_id"] == listed["event_id"]);
    CHECK(event["customer_id"] == kCustomer);
    CHECK(event["subscription_id"] == kSubscription);
    CHECK(event["occurred_at"] == "2026-11-02T09:00:00Z");
    CHECK(lab.host.requests.size() == answers.size());
  }
  lab.script({answer(200, orderOf("refunded")), answer(200, page(json::array()))});
  REQUIRE(lab.call(&ccp_billing_v1::fetch_event, listed["fetch"]).ok());
  checkRequest("order.get", lab.host.requests.at(0));
  checkRequest("order.refunds", lab.host.requests.at(1));
  json dispute = listed["fetch"];
  dispute["type"] = "dispute";
  dispute["outcome"] = "lost";
  lab.script({answer(200, orderOf("paid"))});
  CHECK(lab.call(&ccp_billing_v1::fetch_event, dispute).out["events"][0]["outcome"] == "lost");
}

TEST_CASE("usage goes out as signed changes, and what did not change stays") {
  Lab lab;
  const auto record = [](const char* id, std::int64_t delta) {
    return json{{"id", id},
                {"org_id", kOrg},
                {"customer_id", kCustomer},
                {"name", "tokens"},
                {"quantity", 900},
                {"delta", delta},
                {"window_start_at", "2026-11-01T09:00:00Z"}};
  };
  lab.script({answer(200, {{"inserted", 2}, {"duplicates", 0}})});
  CHECK(lab.call(&ccp_billing_v1::report_usage,
                 {{"records", json::array({record("a", 120), record("b", -30), record("c", 0)})}})
            .out == json({{"accepted", 2}, {"duplicates", 0}}));
  checkRequest("usage.deltas", lab.host.requests.at(0));
  CHECK(sentBody(lab.host.requests[0])["events"][1]["metadata"]["quantity"] == -30);
  lab.script({});
  CHECK(lab.call(&ccp_billing_v1::report_usage, {{"records", json::array({record("c", 0)})}}).ok());
  CHECK(lab.host.requests.empty());
}
