// The plugin through its C table, on a host of the test's own.
#include "ccp/abi/inbound.h"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;

namespace {

json request(const std::string& body, const std::string& signature) {
  return {{"method", "POST"},
          {"headers", json::array({json::array({"x-signature", signature})})},
          {"body_base64url", ccp::base64UrlEncode(body)},
          {"received_at", "2026-11-21T08:00:00Z"}};
}

}  // namespace

int main() {
  ccp::testing::FakeHost host;
  host.secrets["hook/secret"] = "s3cret";
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"secret", {{"$secret", "hook/secret"}}}}).ok());
  CCP_EXPECT(plugin.start().ok());

  const std::string body = R"({"id":"d1","command":"seat.assign","user":"U1","team":"T1","args":{"email":"a@example.com"}})";
  const std::string good = "sha256=" + ccp::hexEncode(ccp::testing::hmacSha256("s3cret", body));
  CCP_EXPECT(plugin.call(&ccp_inbound_v1::verify, request(body, good)).ok());
  const auto forged = plugin.call(&ccp_inbound_v1::verify, request(body + " ", good));
  CCP_EXPECT(forged.rc == CCP_RC_UNAUTHENTICATED && forged.code() == "signature_invalid");

  const auto parsed = plugin.call(&ccp_inbound_v1::parse, request(body, good));
  CCP_EXPECT(parsed.ok() && parsed.out["commands"].size() == 1);
  CCP_EXPECT(parsed.out["commands"][0]["kind"] == "seat.assign" && parsed.out["commands"][0]["args"]["email"] == "a@example.com");
  CCP_EXPECT(plugin.call(&ccp_inbound_v1::parse, request("no json", "")).rc == CCP_RC_INVALID_ARGUMENT);
  const json command = parsed.out["commands"][0];
  CCP_EXPECT(plugin.call(&ccp_inbound_v1::respond, {{"command", command}, {"outcome", {{"status", "done"}, {"text", "Seat assigned."}}}}).ok());
  return ccp::testing::failures();
}
