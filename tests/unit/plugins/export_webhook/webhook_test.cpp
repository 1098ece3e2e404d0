// ccp.export-webhook through the C ABI: what a receiver gets, and what its answers lead to.
#include <doctest/doctest.h>

#include <memory>

#include "ccp/exporter.hpp"
#include "ccp/standard_webhooks.hpp"
#include "ccp/testing/fake_host.hpp"
#include "rules.hpp"
#include "tests/support/schema_check.hpp"

extern "C" const ccp_plugin* ccp_plugin_entry_v1(void);

namespace {

using ccp::json;
using namespace webhook_export;

const std::string kOld = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const std::string kNew = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
const std::string kUrl = "https://hooks.example.com/in/s3cr3t-path";

json secrets(const std::vector<std::string>& ids) {
  json out = json::array();
  for (const auto& id : ids) out.push_back(json{{"$secret", id}});
  return out;
}
json record(std::int64_t sequence, const std::string& type = "license.changed") {
  return {{"sequence", sequence}, {"id", "evt_" + std::to_string(sequence)}, {"type", type}, {"occurred_at", "2026-11-21T05:06:07.25Z"},
          {"org", "org_a"},       {"subject", "lic_1"},                       {"data", {{"state", "active"}, {"n", sequence}}}};
}
json batch(const std::vector<json>& records) {
  return {{"stream", "events"},
          {"first_sequence", records.front()["sequence"]},
          {"last_sequence", records.back()["sequence"]},
          {"records", records}};
}

struct Lab {
  ccp::testing::FakeHost host;
  std::unique_ptr<ccp::testing::FakeInstance> plugin;
  std::vector<int> answers;  ///< statuses in order, then 200
  ccp::Headers answer_headers;

  explicit Lab(const json& config = json::object()) {
    host.secrets = {{"exports/old", kOld}, {"exports/new", kNew}, {"exports/ed", "whsk_" + ccp::base64Encode(std::string(32, 'k'))}};
    host.onHttp = [this](const ccp::HttpRequest&) {
      const std::size_t n = host.requests.size() - 1;
      return ccp::HttpResponse{n < answers.size() ? answers[n] : 200, answer_headers, "ok"};
    };
    plugin = std::make_unique<ccp::testing::FakeInstance>(host, ccp_plugin_entry_v1(), "hook");
    const auto done = plugin->configure(with(config));
    REQUIRE_MESSAGE(done.ok(), done.err.dump());
  }
  static json with(const json& config) {
    json out = {{"url", kUrl}, {"streams", json::array({"events"})}};
    out["secrets"] = secrets({"exports/new"});
    out.update(config);
    return out;
  }
  ccp::testing::OpResult write(const std::vector<json>& records) {
    const json in = batch(records);
    CHECK(ccp::test::schemaProblem("sdk/schemas/ccp.exporter/write_batch.in.json", in.dump()) == "");
    auto result = plugin->call(&ccp_exporter_v1::write_batch, in);
    if (result.ok()) CHECK(ccp::test::schemaProblem("sdk/schemas/ccp.exporter/write_batch.out.json", result.out.dump()) == "");
    return result;
  }
  std::string header(std::size_t n, const char* name) const { return ccp::headerOf(host.requests.at(n).headers, name); }
};

}  // namespace

TEST_CASE("one POST per record, in order, as Standard Webhooks say") {
  Lab lab;
  const auto result = lab.write({record(7), record(8)});
  REQUIRE_MESSAGE(result.ok(), result.err.dump());
  CHECK(result.out["last_sequence"] == 8);
  REQUIRE(lab.host.requests.size() == 2);
  const auto& request = lab.host.requests[0];
  CHECK(request.method == "POST");
  CHECK(request.url == kUrl);
  CHECK(lab.header(0, "Content-Type") == "application/json");
  CHECK(lab.header(0, "webhook-id") == "evt_7");
  CHECK(lab.header(0, "webhook-timestamp") == std::to_string(lab.host.now_us / 1'000'000));
  const json expected = {{"id", "evt_7"},    {"type", "license.changed"}, {"timestamp", "2026-11-21T05:06:07.25Z"},
                         {"org", "org_a"},   {"subject", "lic_1"},        {"data", {{"state", "active"}, {"n", 7}}}};
  CHECK(ccp::parseJson(request.body) == expected);
  CHECK(lab.header(1, "webhook-id") == "evt_8");
}

TEST_CASE("while a secret is changed both sign, and the receiving side of the SDK accepts either") {
  Lab lab(json{{"secrets", secrets({"exports/new", "exports/old"})}});
  REQUIRE(lab.write({record(1)}).ok());
  const auto& request = lab.host.requests[0];
  const auto reading = ccp::webhooks::read(request.headers, request.body, lab.host.now_us / 1'000'000);
  REQUIRE_MESSAGE(reading.ok, reading.problem);
  CHECK(reading.message.signatures.size() == 2);
  for (const auto& secret : {kOld, kNew}) {
    const std::string mac = ccp::testing::hmacSha256(*ccp::base64Decode(secret.substr(6)), reading.message.content);
    CHECK_NOTHROW(ccp::webhooks::requireGenuine(reading, {mac}));
  }
  const std::string stranger = ccp::testing::hmacSha256("another key", reading.message.content);
  CHECK_THROWS(ccp::webhooks::requireGenuine(reading, {stranger}));
}

TEST_CASE("an Ed25519 key adds a v1a signature of the same bytes") {
  Lab lab(json{{"ed25519_keys", secrets({"exports/ed"})}});
  std::string signed_bytes;
  lab.host.onEd25519Sign = [&](std::string_view, std::string_view message) {
    signed_bytes = message;
    return std::string(64, 's');
  };
  REQUIRE(lab.write({record(1)}).ok());
  const auto& request = lab.host.requests[0];
  CHECK(signed_bytes == "evt_1." + lab.header(0, "webhook-timestamp") + "." + request.body);
  const std::string header = lab.header(0, "webhook-signature");
  CHECK(header.substr(0, 3) == "v1,");
  CHECK(header.find(" v1a," + ccp::base64Encode(std::string(64, 's'))) != std::string::npos);
}

TEST_CASE("every attempt has its own timestamp and the same id") {
  Lab lab;
  lab.answers = {500};
  CHECK_FALSE(lab.write({record(1)}).ok());
  lab.host.advanceMs(5000);
  CHECK(lab.write({record(1)}).ok());
  CHECK(lab.header(0, "webhook-id") == lab.header(1, "webhook-id"));
  CHECK(lab.header(0, "webhook-timestamp") != lab.header(1, "webhook-timestamp"));
  CHECK(lab.header(0, "webhook-signature") != lab.header(1, "webhook-signature"));
}

TEST_CASE("what was taken before a failure is acknowledged, with the reason for the rest") {
  Lab lab;
  lab.answers = {204, 503};
  lab.answer_headers = {{"retry-after", "120"}};
  const auto result = lab.write({record(1), record(2), record(3)});
  REQUIRE_MESSAGE(result.ok(), result.err.dump());
  CHECK(result.out["last_sequence"] == 1);
  CHECK(result.out["problem"]["retry_after_ms"] == 120'000);
  CHECK(lab.host.requests.size() == 2);  // the third would overtake the second
}

TEST_CASE("an answer that is no 2xx is a failure; redirects are not followed and 410 is the end") {
  for (const int status : {199, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503}) {
    CAPTURE(status);
    Lab lab;
    lab.answers = {status};
    const auto result = lab.write({record(1)});
    CHECK(result.rc == (status == 429 ? CCP_RC_RATE_LIMITED : CCP_RC_UNAVAILABLE));
    CHECK(lab.host.requests.size() == 1);
    CHECK(result.err.dump().find(std::to_string(status)) != std::string::npos);
  }
  Lab lab;
  lab.answers = {410};
  const auto gone = lab.write({record(1)});
  CHECK(gone.rc == CCP_RC_CONFLICT);
  CHECK(gone.err["code"] == "endpoint_gone");
  lab.host.requests.clear();
  lab.answers = {200, 410};
  const auto later = lab.write({record(1), record(2)});
  REQUIRE(later.ok());
  CHECK(later.out["last_sequence"] == 1);
  CHECK(later.out["problem"]["code"] == "endpoint_gone");
}

TEST_CASE("a receiver that cannot be reached keeps its records, and the host's word for it comes through") {
  Lab lab;
  lab.host.onHttp = [](const ccp::HttpRequest&) -> ccp::HttpResponse {
    throw ccp::Error::permissionDenied("10.0.0.1 is not public").withCode("egress_denied");
  };
  const auto result = lab.write({record(1)});
  CHECK(result.rc == CCP_RC_PERMISSION_DENIED);
  CHECK(result.err["code"] == "egress_denied");
}

TEST_CASE("neither secrets nor the path of the URL appear in errors") {
  Lab lab;
  lab.answers = {500};
  const std::string text = lab.write({record(1)}).err.dump();
  CHECK(text.find("hooks.example.com") != std::string::npos);
  CHECK(text.find("s3cr3t") == std::string::npos);
  CHECK(text.find(kNew.substr(6)) == std::string::npos);
}

TEST_CASE("types that nobody asked for are acknowledged without a request") {
  Lab lab(json{{"types", json::array({"license.*", "seat.claimed"})}});
  const auto result = lab.write({record(1, "usage.accepted"), record(2, "license.issued"), record(3, "seat.invited"), record(4, "seat.claimed"),
                                 record(5, "licensee.x")});
  REQUIRE(result.ok());
  CHECK(result.out["last_sequence"] == 5);
  REQUIRE(lab.host.requests.size() == 2);
  CHECK(lab.header(0, "webhook-id") == "evt_2");
  CHECK(lab.header(1, "webhook-id") == "evt_4");
}

TEST_CASE("a stream that is not configured is declined") {
  Lab lab;
  CHECK(lab.plugin->call(&ccp_exporter_v1::open, {{"stream", "events"}, {"cursor", 0}}).ok());
  CHECK(lab.plugin->call(&ccp_exporter_v1::open, {{"stream", "rollups"}, {"cursor", 0}}).rc == CCP_RC_UNIMPLEMENTED);
  CHECK(lab.plugin->call(&ccp_exporter_v1::flush, {{"stream", "events"}}).ok());
  CHECK(lab.plugin->call(&ccp_exporter_v1::close, {{"stream", "events"}}).ok());
}

TEST_CASE("a configuration that cannot work is refused with the reason") {
  const auto refused = [](const json& config, const char* mode = "prod") {
    ccp::testing::FakeHost host;
    host.setMode(mode);
    host.secrets = {{"exports/new", kNew}, {"exports/bad", "whsec_not base64!"}};
    ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1(), "hook");
    const auto result = plugin.configure(Lab::with(config));
    return result.ok() ? std::string() : result.err["detail"].get<std::string>();
  };
  CHECK(refused(json::object()) == "");
  CHECK(refused({{"url", "http://hooks.example.com"}}).find("https") != std::string::npos);
  CHECK(refused({{"url", "http://hooks.example.com"}, {"allow_http", true}}) == "");
  CHECK(refused({{"url", "http://127.0.0.1:1"}}, "dev") == "");
  CHECK(refused({{"secrets", json::array()}}).find("secrets") != std::string::npos);
  CHECK(refused({{"secrets", secrets({"exports/bad"})}}) != "");
  CHECK(refused({{"secrets", secrets({"exports/none"})}}) != "");
}

TEST_CASE("Retry-After is seconds or an HTTP date, in the future, at most a day") {
  constexpr std::int64_t kNow = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  CHECK(retryAfterMs("120", kNow) == 120'000);
  CHECK(retryAfterMs(" 1 ", kNow) == 1'000);
  CHECK(retryAfterMs("99999999999999999999", kNow) == 86'400'000);
  CHECK(retryAfterMs("Sun, 06 Nov 1994 08:50:37 GMT", kNow) == 60'000);
  CHECK(retryAfterMs("Sat, 06 Nov 2094 08:50:37 GMT", kNow) == 86'400'000);
  for (const auto* text : {"", "0", "-5", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1993 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:37 UTC",
                           "Sun, 06 Xxx 1994 08:50:37 GMT", "Sun, 00 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 0a Nov 1994 08:50:37 GMT"}) {
    CAPTURE(text);
    CHECK_FALSE(retryAfterMs(text, kNow).has_value());
  }
}
