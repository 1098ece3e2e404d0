// The plugin through its C table, with a fake host.
#include <doctest/doctest.h>

#include "ccp/testing/fake_host.hpp"

using ccp::json;

TEST_CASE("the grant runs from begin to done with the configuration's times") {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  REQUIRE(plugin.configure({{"interval_s", 2}, {"expires_in_s", 60}}).ok());
  REQUIRE(plugin.start().ok());
  CHECK(plugin.call(&ccp_identity_v1::describe, json::object()).out["kind"] == "device");

  const auto begin = plugin.call(&ccp_identity_v1::begin, {{"client_id", "ccp-cli"}, {"scope", "usage"}});
  REQUIRE(begin.ok());
  CHECK(begin.out["interval_s"] == 2);
  CHECK(begin.out["expires_in_s"] == 60);
  const auto user_code = begin.out["user_code"].get<std::string>(), device_code = begin.out["device_code"].get<std::string>();
  CHECK(user_code.size() == 9);
  CHECK(device_code.size() == 64);  // 256 bits in hex
  json state = begin.out["state"];
  // Neither code is in the state: the host keeps hashes.
  CHECK(state.dump().find(device_code) == std::string::npos);
  CHECK(state.dump().find(user_code) == std::string::npos);

  const auto poll = [&](const char* decision) {
    auto out = plugin.call(&ccp_identity_v1::poll, {{"state", state}, {"decision", decision}, {"now_us", host.now_us}});
    REQUIRE(out.ok());
    state = out.out["state"];
    return out.out["status"].get<std::string>();
  };
  CHECK(poll("") == "pending");
  host.advanceMs(1000);
  CHECK(poll("") == "slow_down");
  host.advanceMs(7000);
  CHECK(poll("") == "pending");
  CHECK(poll("approved") == "done");
  host.advanceMs(60000);
  CHECK(poll("approved") == "expired");
}

TEST_CASE("two attempts share no code, and a broken state is an error") {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  REQUIRE(plugin.configure(json::object()).ok());
  const auto a = plugin.call(&ccp_identity_v1::begin, json::object()).out, b = plugin.call(&ccp_identity_v1::begin, json::object()).out;
  CHECK(a["user_code"] != b["user_code"]);
  CHECK(a["device_code"] != b["device_code"]);
  CHECK(a["interval_s"] == 5);
  CHECK(a["expires_in_s"] == 900);
  for (const json& in : {json::object(), json{{"state", nullptr}, {"now_us", 1}}, json{{"state", json::object()}, {"now_us", 1}}, json{{"state", a["state"]}}}) {
    CAPTURE(in.dump());
    CHECK(plugin.call(&ccp_identity_v1::poll, in).rc == CCP_RC_INVALID_ARGUMENT);
  }
  CHECK(plugin.call(&ccp_identity_v1::refresh, json::object()).rc == CCP_RC_UNIMPLEMENTED);
}
