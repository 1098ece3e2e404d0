// The plugin through its C table, on a host of the test's own.
#include "ccp/abi/identity.h"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;

int main() {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"expires_in_s", 60}}).ok());
  CCP_EXPECT(plugin.start().ok());

  const auto begun = plugin.call(&ccp_identity_v1::begin, {{"client_id", "ccp-cli"}});
  CCP_EXPECT(begun.ok() && begun.out["user_code"].get<std::string>().size() == 9);
  CCP_EXPECT(begun.out["device_code"].get<std::string>().size() == 64);
  const auto again = plugin.call(&ccp_identity_v1::begin, {{"client_id", "ccp-cli"}});
  CCP_EXPECT(again.out["device_code"] != begun.out["device_code"]);

  const auto poll = [&plugin](const json& state, const char* decision, std::int64_t now_us) {
    return plugin.call(&ccp_identity_v1::poll, {{"state", state}, {"decision", decision}, {"now_us", now_us}}).out;
  };
  const json pending = poll(begun.out["state"], "", host.now_us + 1);
  CCP_EXPECT(pending["status"] == "pending");
  CCP_EXPECT(poll(pending["state"], "approved", host.now_us + 2)["status"] == "done");
  CCP_EXPECT(poll(pending["state"], "denied", host.now_us + 2)["status"] == "denied");
  CCP_EXPECT(poll(pending["state"], "approved", host.now_us + 60000000)["status"] == "expired");
  CCP_EXPECT(plugin.call(&ccp_identity_v1::poll, json::object()).rc == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(plugin.call(&ccp_identity_v1::describe, json::object()).out["kind"] == "device");
  return ccp::testing::failures();
}
