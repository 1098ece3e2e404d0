// The provider through its C table, on a host of the test's own.
#include "ccp/abi/billing.h"
#include "ccp/billing.hpp"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"
#include "mapping.hpp"

using ccp::json;

namespace {

const json kSubscription = {{"id", "sub_1"}, {"customer", "cus_1"}, {"state", "late"}, {"plan", "solo"}, {"seats", 2}, {"price", {{"cents", 2900}, {"currency", "usd"}}},
                            {"period_start", 1763721600}, {"period_end", 1766313600}, {"ends_with_period", false}, {"changed_at", 1763721600}};

void snapshots() {
  const json snapshot = quill::subscription(kSubscription);
  CCP_EXPECT(snapshot["status"] == "past_due" && snapshot["quantity"] == 2 && snapshot["product_id"] == "solo");
  CCP_EXPECT(snapshot["amount"]["amount_minor"] == 2900 && snapshot["amount"]["currency"] == "USD");
  CCP_EXPECT(snapshot["period_start_at"] == "2025-11-21T10:40:00Z" && snapshot["trial_end_at"].is_null());
  json odd = kSubscription;
  odd["state"] = "frozen";
  odd["price"]["currency"] = "DOLLAR";
  CCP_EXPECT(quill::subscription(odd)["status"] == "unknown" && quill::subscription(odd)["amount"].is_null());
  odd.erase("customer");
  std::string code = "none";
  try {
    quill::subscription(odd);
  } catch (const ccp::Error& error) {
    code = error.code();
  }
  CCP_EXPECT(code == "provider_error");
}

void webhooks(ccp::testing::FakeHost& host, ccp::testing::FakeInstance& plugin) {
  ccp::WebhookRequest hook;
  hook.body = ccp::dumpJson({{"type", "subscription.changed"}, {"at", 1763721600}, {"live", true}, {"data", kSubscription}});
  const std::string at = std::to_string(host.now_us / 1000000);
  const std::string mac = ccp::testing::hmacSha256("0123456789abcdef", "msg_1." + at + "." + hook.body);
  hook.headers = {{"webhook-id", "msg_1"}, {"webhook-timestamp", at}, {"webhook-signature", "v1," + ccp::base64Encode(mac)}};
  CCP_EXPECT(plugin.call(&ccp_billing_v1::verify_webhook, hook.toJson()).ok());
  const auto parsed = plugin.call(&ccp_billing_v1::parse_webhook, hook.toJson());
  CCP_EXPECT(parsed.ok() && parsed.out["events"][0]["kind"] == "subscription" && parsed.out["events"][0]["event_id"] == "msg_1");
  host.advanceMs(301000);
  CCP_EXPECT(plugin.call(&ccp_billing_v1::verify_webhook, hook.toJson()).code() == "signature_stale");
  hook.body += " ";
  CCP_EXPECT(plugin.call(&ccp_billing_v1::verify_webhook, hook.toJson()).code() == "signature_invalid");
  hook.body = R"({"type":"invoice.printed"})";
  CCP_EXPECT(plugin.call(&ccp_billing_v1::parse_webhook, hook.toJson()).out["events"][0]["kind"] == "ignored");
}

}  // namespace

int main() {
  snapshots();
  ccp::testing::FakeHost host;
  host.secrets = {{"quill/api-key", "k"}, {"quill/webhook", "whsec_" + ccp::base64Encode("0123456789abcdef")}};
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"base_url", "https://api.quill.example.com"}}).rc == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(plugin.configure({{"base_url", "https://api.quill.example.com/"}, {"api_key", {{"$secret", "quill/api-key"}}}, {"webhook_secret", {{"$secret", "quill/webhook"}}}}).ok());
  CCP_EXPECT(plugin.start().ok());

  // A customer is looked for before it is made, and made with the caller's idempotency key.
  host.onHttp = [](const ccp::HttpRequest& r) {
    return r.method == "GET" ? ccp::HttpResponse{200, {}, R"({"customers":[]})"} : ccp::HttpResponse{201, {}, R"({"id":"cus_1"})"};
  };
  CCP_EXPECT(plugin.call(&ccp_billing_v1::ensure_customer, {{"org_id", "org 1"}, {"email", "a@example.com"}}).out["customer_id"] == "cus_1");
  CCP_EXPECT(host.requests.size() == 2 && host.requests[0].url == "https://api.quill.example.com/v1/customers?external_id=org%201");
  CCP_EXPECT(ccp::headerOf(host.requests[1].headers, "Idempotency-Key") == "idem_test" && host.requests[1].auth.bearer == "quill/api-key");

  ccp::HttpResponse answer{200, {}, R"({"id":"chk_1","url":"https://pay.quill.example.com/chk_1","state":"open"})"};
  host.onHttp = [&answer](const ccp::HttpRequest&) { return answer; };
  CCP_EXPECT(plugin.call(&ccp_billing_v1::create_checkout, {{"org_id", "o"}, {"customer_id", "cus_1"}, {"product_id", "solo"}, {"success_url", "https://x"}}).out["status"] == "open");
  answer.body = ccp::dumpJson({{"subscriptions", json::array({kSubscription})}, {"next", "p2"}});
  const auto listed = plugin.call(&ccp_billing_v1::list_subscriptions, {{"customer_id", "cus_1"}});
  CCP_EXPECT(listed.ok() && listed.out["items"].size() == 1 && listed.out["next_cursor"] == "p2");
  for (const auto& [status, rc] : {std::pair{404, CCP_RC_NOT_FOUND}, std::pair{429, CCP_RC_RATE_LIMITED}, std::pair{401, CCP_RC_UNAVAILABLE}, std::pair{500, CCP_RC_UNAVAILABLE}}) {
    answer.status = status;
    CCP_EXPECT(plugin.call(&ccp_billing_v1::get_subscription, {{"subscription_id", "sub_1"}}).rc == rc);
  }
  CCP_EXPECT(plugin.call(&ccp_billing_v1::diagnose, json::object()).out["findings"][0]["level"] == "error");
  answer = {200, {}, "<html>"};
  CCP_EXPECT(plugin.call(&ccp_billing_v1::get_checkout, {{"checkout_id", "chk_1"}}).code() == "provider_error");
  webhooks(host, plugin);
  return ccp::testing::failures();
}
