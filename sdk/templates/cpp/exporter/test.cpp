// The plugin through its C table, on a host of the test's own.
#include "ccp/abi/exporter.h"
#include "ccp/testing/expect.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;

int main() {
  ccp::testing::FakeHost host;
  ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
  CCP_EXPECT(plugin.configure({{"url", "https://collector.example.com/batches"}}).ok());
  CCP_EXPECT(plugin.start().ok());
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::open, {{"stream", "events"}, {"cursor", 0}}).ok());
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::open, {{"stream", "other"}, {"cursor", 0}}).rc == CCP_RC_UNIMPLEMENTED);

  int status = 202;
  host.onHttp = [&status](const ccp::HttpRequest&) { return ccp::HttpResponse{status, {}, ""}; };
  const json record = {{"sequence", 7}, {"id", "evt_7"}, {"type", "license.expired"}, {"occurred_at", "2026-11-21T08:00:00Z"}, {"org", "org_1"}, {"data", json::object()}};
  const json batch = {{"stream", "events"}, {"first_sequence", 7}, {"last_sequence", 7}, {"records", json::array({record})}};
  const auto written = plugin.call(&ccp_exporter_v1::write_batch, batch);
  CCP_EXPECT(written.ok() && written.out["last_sequence"] == 7);
  CCP_EXPECT(host.requests.size() == 1 && ccp::headerOf(host.requests[0].headers, "idempotency-key") == "events-7");
  CCP_EXPECT(json::parse(host.requests[0].body)["records"][0]["id"] == "evt_7");
  status = 500;
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::write_batch, batch).rc == CCP_RC_UNAVAILABLE);
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::write_batch, {{"stream", "events"}}).rc == CCP_RC_INVALID_ARGUMENT);
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::flush, {{"stream", "events"}}).ok());
  CCP_EXPECT(plugin.call(&ccp_exporter_v1::close, {{"stream", "events"}}).ok());
  return ccp::testing::failures();
}
