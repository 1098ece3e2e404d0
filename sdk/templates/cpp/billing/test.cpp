// The plugin through its C table, on a host of the test's own.
#include "ccp/abi/billing.h"
#include "ccp/billing.hpp"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;

int main() {
  ccp::testing::FakeHost host;
  host.secrets = {{"pay/key", "k"}, {"pay/hook", "s3cret"}};
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"base_url", "https://pay.example.com/"}, {"api_key", {{"$secret", "pay/key"}}}, {"webhook_secret", {{"$secret", "pay/hook"}}}}).ok());
  CCP_EXPECT(plugin.start().ok());

  ccp::HttpResponse answer{200, {}, R"({"customer_id":"c1"})"};
  host.onHttp = [&answer](const ccp::HttpRequest&) { return answer; };
  const json customer = {{"org_id", "org_1"}, {"email", "a@example.com"}, {"name", "Acme"}};
  CCP_EXPECT(plugin.call(&ccp_billing_v1::ensure_customer, customer).out["customer_id"] == "c1");
  CCP_EXPECT(host.requests.size() == 1 && host.requests[0].url == "https://pay.example.com/ensure_customer" && host.requests[0].auth.bearer == "pay/key");
  answer.body = "{}";
  CCP_EXPECT(plugin.call(&ccp_billing_v1::ensure_customer, customer).rc == CCP_RC_UNAVAILABLE);
  answer.status = 404;
  CCP_EXPECT(plugin.call(&ccp_billing_v1::get_checkout, {{"checkout_id", "k1"}}).rc == CCP_RC_NOT_FOUND);

  ccp::WebhookRequest hook;
  hook.body = R"({"events":[{"event_id":"e1","type":"x","kind":"ignored","livemode":false}]})";
  hook.headers = {{"X-Signature", "sha256=" + ccp::hexEncode(ccp::testing::hmacSha256("s3cret", hook.body))}};
  CCP_EXPECT(plugin.call(&ccp_billing_v1::verify_webhook, hook.toJson()).ok());
  CCP_EXPECT(plugin.call(&ccp_billing_v1::parse_webhook, hook.toJson()).out["events"][0]["event_id"] == "e1");
  hook.body += " ";
  CCP_EXPECT(plugin.call(&ccp_billing_v1::verify_webhook, hook.toJson()).code() == "signature_invalid");
  hook.body = "{}";
  CCP_EXPECT(plugin.call(&ccp_billing_v1::parse_webhook, hook.toJson()).rc == CCP_RC_INVALID_ARGUMENT);
  return ccp::testing::failures();
}
