// The plugin through its C table, on a host of the test's own.
#include "ccp/abi/notifier.h"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;

int main() {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"url", "https://chat.example.com/hooks/1"}}).ok());
  CCP_EXPECT(plugin.start().ok());

  const json event = {{"id", "evt_1"}, {"type", "license.expired"}, {"timestamp", "2026-11-21T08:00:00Z"}, {"org", "org_1"}, {"subject", "lic_1"}};
  const auto rendered = plugin.call(&ccp_notifier_v1::render, {{"event", event}});
  CCP_EXPECT(rendered.ok() && rendered.out["message"]["text"] == "license.expired: lic_1 (org_1)");
  CCP_EXPECT(plugin.call(&ccp_notifier_v1::render, json::object()).rc == CCP_RC_INVALID_ARGUMENT);

  int status = 200;
  host.onHttp = [&status](const ccp::HttpRequest&) { return ccp::HttpResponse{status, {}, "ok"}; };
  const json message = {{"message", {{"text", "hello"}}}, {"target", "#ops"}};
  CCP_EXPECT(plugin.call(&ccp_notifier_v1::send, message).ok());
  CCP_EXPECT(host.requests.size() == 1 && host.requests[0].url == "https://chat.example.com/hooks/1");
  CCP_EXPECT(host.requests[0].body == R"({"channel":"#ops","text":"hello"})");
  status = 503;
  CCP_EXPECT(plugin.call(&ccp_notifier_v1::send, message).rc == CCP_RC_UNAVAILABLE);
  status = 429;
  CCP_EXPECT(plugin.call(&ccp_notifier_v1::send, message).rc == CCP_RC_RATE_LIMITED);
  CCP_EXPECT(plugin.call(&ccp_notifier_v1::test_connection, json::object()).out["ok"] == true);
  return ccp::testing::failures();
}
