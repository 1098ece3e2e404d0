// The C++ SDK through the C table, with the fake host.
#include "ccp/plugin.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <new>
#include <stdexcept>

#include "ccp/billing.hpp"
#include "ccp/exporter.hpp"
#include "ccp/identity.hpp"
#include "ccp/inbound.hpp"
#include "ccp/notifier.hpp"
#include "ccp/testing/fake_host.hpp"

using ccp::json;
namespace fake = ccp::testing;

namespace {

/// Two interfaces in one class, no lifecycle methods but one, default-constructed.
class Small {
 public:
  using Provides = ccp::Provides<ccp::Identity, ccp::Notifier>;
  json begin(ccp::Call& call, const json& in) {
    if (ccp::boolOr(in, "http")) {
      ccp::HttpRequest request;
      request.method = "POST";
      request.url = "https://example.com";
      request.headers = {{"A", "b"}};
      request.body = "body";
      request.auth.bearer = "a/token";
      const auto response = call.http().send(request);
      return {{"status", response.status}, {"type", response.header("CONTENT-TYPE")}, {"body", response.body}, {"ok", response.ok()}};
    }
    return {{"tenant", call.tenant()}, {"request", call.requestId()}, {"key", call.idempotencyKey()}, {"cancelled", call.cancelled()}};
  }
  json describe(ccp::Call&, const json&) { return {{"kind", "device"}}; }
  json render(ccp::Call&, const json& in) const { return in; }
  void send(ccp::Call&, const json&) {}
  void start(ccp::Call& call) { ccp::every<&Small::tick>(call, "sync", 60000); }
  void tick(ccp::Call& call) { call.log().info("ticked", {{"at", call.clock().nowSeconds()}}); }
};

/// Throws what it is asked to.
class Thrower {
 public:
  using Provides = ccp::Provides<ccp::Identity>;
  Thrower(ccp::Host& host, std::string name) : host_(host) {
    if (name == "bad") throw std::runtime_error("constructor");
  }
  json begin(ccp::Call& call, const json& in) {
    const std::string how = ccp::str(in, "how");
    if (how == "error") throw ccp::Error::rateLimited("busy", 250).withCode("too_busy").withProviderCode("42");
    if (how == "json") return in.at("missing");
    if (how == "alloc") throw std::bad_alloc();
    if (how == "std") throw std::logic_error("logic");
    if (how == "int") throw 5;
    if (how == "service") return {{"n", host_.metrics().counter("x", "y")}};
    if (how == "cancelled") call.throwIfCancelled();
    if (how == "utf8") return {{"text", "\xff"}};
    return nullptr;
  }
  json describe(ccp::Call&, const json&) { return json::object(); }

 private:
  ccp::Host& host_;
};

const ccp_plugin* small() { return ccp::describePlugin<Small>("ccp.small", "1.2.3"); }
const ccp_plugin* thrower() { return ccp::describePlugin<Thrower>("ccp.thrower", "1.0.0"); }

}  // namespace

TEST_CASE("a descriptor names the plugin, and only its interfaces are there") {
  const ccp_plugin* p = small();
  CHECK(p->magic == CCP_PLUGIN_MAGIC);
  CHECK(p->size == sizeof(ccp_plugin));
  CHECK(std::string(p->id) == "ccp.small");
  CHECK(std::string(p->version) == "1.2.3");
  CHECK(p->extension(p, CCP_IDENTITY_ID) != nullptr);
  CHECK(p->extension(p, CCP_NOTIFIER_ID) != nullptr);
  for (const char* id : {CCP_BILLING_ID, CCP_EXPORTER_ID, CCP_INBOUND_ID, "ccp.identity/2", ""}) CHECK(p->extension(p, id) == nullptr);
  CHECK(p->extension(p, nullptr) == nullptr);
}

TEST_CASE("no slot of a table is NULL, and what a class leaves out says so") {
  fake::FakeHost host;
  fake::FakeInstance plugin(host, small());
  const auto* table = static_cast<const ccp_identity_v1*>(small()->extension(small(), CCP_IDENTITY_ID));
  CHECK(table->size == sizeof(ccp_identity_v1));
  for (const ccp_op op : {table->begin, table->poll, table->complete, table->refresh, table->revoke, table->describe}) REQUIRE(static_cast<bool>(op));
  const auto poll = plugin.call(&ccp_identity_v1::poll, json::object());
  CHECK(poll.rc == CCP_RC_UNIMPLEMENTED);
  CHECK(poll.code() == "unimplemented");
  CHECK(plugin.call(&ccp_notifier_v1::send, json::object()).out == json::object());
  CHECK(plugin.call(&ccp_notifier_v1::render, {{"a", 1}}).out == json{{"a", 1}});
}

TEST_CASE("lifecycle methods that a class leaves out succeed") {
  fake::FakeHost host;
  fake::FakeInstance plugin(host, small());
  CHECK(plugin.configure(json::object()).ok());
  CHECK(plugin.start().ok());
  CHECK(plugin.health().out["status"] == "ok");
  CHECK(plugin.drain().ok());
  CHECK(plugin.stop().ok());
  REQUIRE(host.ticks.size() == 1);
  CHECK(host.ticks[0].name == "sync");
  CHECK(plugin.run(host.ticks[0].op, {{"name", "sync"}}).ok());
  REQUIRE(host.logs.size() == 1);
  CHECK(host.logs[0].fields["at"] == 1800000000);
}

TEST_CASE("a call carries its ids, and http its credentials by name") {
  fake::FakeHost host;
  fake::FakeInstance plugin(host, small());
  CHECK(plugin.call(&ccp_identity_v1::begin, json::object()).out == json{{"tenant", "org_test"}, {"request", "req_test"}, {"key", "idem_test"}, {"cancelled", false}});
  host.cancelled = true;
  CHECK(plugin.call(&ccp_identity_v1::begin, json::object()).out["cancelled"] == true);

  CHECK(plugin.call(&ccp_identity_v1::begin, {{"http", true}}).rc == CCP_RC_PERMISSION_DENIED);  // no such secret
  host.secrets["a/token"] = "value";
  CHECK(plugin.call(&ccp_identity_v1::begin, {{"http", true}}).rc == CCP_RC_UNAVAILABLE);  // nobody answers
  host.onHttp = [](const ccp::HttpRequest&) { return ccp::HttpResponse{201, {{"content-type", "text/plain"}}, std::string("\0x", 2)}; };
  const auto answer = plugin.call(&ccp_identity_v1::begin, {{"http", true}});
  CHECK(answer.out["status"] == 201);
  CHECK(answer.out["type"] == "text/plain");
  CHECK(answer.out["ok"] == true);
  const auto& request = host.requests.back();
  CHECK(request.auth.bearer == "a/token");
  CHECK(request.body == "body");
  CHECK(ccp::headerOf(request.headers, "a") == "b");
  host.onHttp = [](const ccp::HttpRequest&) -> ccp::HttpResponse { throw ccp::Error::deadlineExceeded("late"); };
  const auto late = plugin.call(&ccp_identity_v1::begin, {{"http", true}});
  CHECK(late.rc == CCP_RC_DEADLINE_EXCEEDED);
  CHECK(late.err["detail"] == "http: late");
}

TEST_CASE("everything that a method throws becomes a class and a problem") {
  struct Case {
    const char* how;
    ccp_rc rc;
    const char* code;
  };
  const Case cases[] = {{"error", CCP_RC_RATE_LIMITED, "too_busy"},      {"json", CCP_RC_INTERNAL, "internal"}, {"alloc", CCP_RC_RESOURCE_EXHAUSTED, "resource_exhausted"},
                        {"std", CCP_RC_INTERNAL, "internal"},            {"int", CCP_RC_INTERNAL, "internal"},  {"service", CCP_RC_INTERNAL, "internal"},
                        {"cancelled", CCP_RC_CANCELLED, "cancelled"}};
  fake::FakeHost host;
  host.missing_services = {CCP_METRICS_ID};
  host.cancelled = true;
  fake::FakeInstance plugin(host, thrower());
  for (const auto& c : cases) {
    CAPTURE(c.how);
    const auto answer = plugin.call(&ccp_identity_v1::begin, {{"how", c.how}});
    CHECK(answer.rc == c.rc);
    CHECK(answer.code() == c.code);
    CHECK_FALSE(ccp::strOr(answer.err, "detail").empty());
  }
  const auto limited = plugin.call(&ccp_identity_v1::begin, {{"how", "error"}});
  CHECK(limited.err["retry_after_ms"] == 250);
  CHECK(limited.err["provider_code"] == "42");
  CHECK(plugin.call(&ccp_identity_v1::begin, json::object()).rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(plugin.call(&ccp_identity_v1::begin, {{"how", "utf8"}}).out["text"] == "\xEF\xBF\xBD");
  CHECK_THROWS(fake::FakeInstance(host, thrower(), "bad"));
}

TEST_CASE("input that is hostile is an error, not a crash") {
  fake::FakeHost host;
  fake::FakeInstance plugin(host, thrower());
  const auto* table = static_cast<const ccp_identity_v1*>(thrower()->extension(thrower(), CCP_IDENTITY_ID));
  for (const std::string& text : {std::string(), std::string("{"), std::string(100000, '['), std::string("\xff"), std::string("{}{}")}) {
    fake::FakeCall call(host);
    CHECK(table->begin(plugin.raw(), &call.raw(), ccp::toStr(text)) == CCP_RC_INVALID_ARGUMENT);
  }
  // A sink that is full, and none at all.
  fake::FakeCall full(host);
  ccp::StringSink tiny(1);
  full.raw().out = tiny.raw();
  CHECK(table->describe(plugin.raw(), &full.raw(), ccp::toStr("{}")) == CCP_RC_RESOURCE_EXHAUSTED);
  full.raw().out = nullptr;
  full.raw().err = nullptr;
  CHECK(table->describe(plugin.raw(), &full.raw(), ccp::toStr("{}")) == CCP_RC_INTERNAL);
  CHECK(table->begin(plugin.raw(), &full.raw(), ccp::toStr(R"({"how":"int"})")) == CCP_RC_INTERNAL);
}

TEST_CASE("getters never convert") {
  const json j = {{"s", "x"}, {"i", 5}, {"big", 18446744073709551615ull}, {"f", 1.9}, {"b", true}, {"n", nullptr}, {"ref", {{"$secret", "a/b"}}}};
  CHECK(ccp::str(j, "s") == "x");
  CHECK_THROWS_AS(ccp::str(j, "i"), ccp::Error);
  CHECK_FALSE(ccp::optStr(j, "n").has_value());
  CHECK(ccp::integer(j, "i") == 5);
  for (const char* key : {"s", "big", "f", "b", "n", "none"}) {
    CAPTURE(key);
    CHECK_FALSE(ccp::optInt(j, key).has_value());
    CHECK_THROWS_AS(ccp::integer(j, key), ccp::Error);
  }
  CHECK(ccp::boolOr(j, "b"));
  CHECK_FALSE(ccp::boolOr(j, "i"));
  CHECK(ccp::secretRef(j, "ref") == "a/b");
  CHECK(ccp::secretRef(j, "s").empty());
  CHECK(ccp::at(j, "/ref/$secret")->get<std::string>() == "a/b");
  CHECK(ccp::at(j, "/ref/none") == nullptr);
  CHECK(ccp::member(json(5), "x") == nullptr);
  CHECK_NOTHROW(ccp::parseJson(std::string(64, '[') + std::string(64, ']')));
  CHECK_THROWS_AS(ccp::parseJson(std::string(65, '[') + std::string(65, ']')), ccp::Error);
}

TEST_CASE("webhook requests keep bytes and repeated headers") {
  ccp::WebhookRequest request;
  request.headers = {{"X-A", "1"}, {"x-a", "2"}};
  request.body = std::string("\0\xff{", 3);
  const auto back = ccp::WebhookRequest::from(request.toJson());
  CHECK(back.body == request.body);
  CHECK(back.headers == request.headers);
  CHECK(back.header("X-a") == "1");
  CHECK_THROWS_AS(ccp::WebhookRequest::from({{"headers", json::array()}, {"body", "=="}}), ccp::Error);
}

TEST_CASE("the fake host's primitives are the real ones") {
  CHECK(ccp::hexEncode(fake::sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(ccp::hexEncode(fake::sha256(std::string(1000, 'a'))) == "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
  // RFC 4231, cases 2 and 6.
  CHECK(ccp::hexEncode(fake::hmacSha256("Jefe", "what do ya want for nothing?")) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(ccp::hexEncode(fake::hmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("kv of the fake host compares versions") {
  fake::FakeHost host;
  fake::FakeCall call(host);
  const auto kv = call.call().kv();
  CHECK_FALSE(kv.get("a").has_value());
  CHECK(kv.put("a", "1", CCP_KV_MUST_NOT_EXIST) == 1);
  CHECK_THROWS_AS(kv.put("a", "2", CCP_KV_MUST_NOT_EXIST), ccp::Error);
  CHECK(kv.put("a", "2", 1) == 2);
  CHECK(kv.get("a")->value == "2");
  kv.remove("a");
  CHECK_FALSE(kv.get("a").has_value());
}

TEST_CASE("a plugin of this SDK on a host of ABI 1.0 uses what is there and answers UNIMPLEMENTED for the rest") {
  fake::FakeHost host;
  host.secrets["a/key"] = "whsk_AAAA";
  fake::FakeCall call(host);
  CHECK(call.call().crypto().ed25519Sign("a/key", "message").size() == 64);
  CHECK(call.call().crypto().rs256Sign("a/key", "message").size() == 256);
  host.onEd25519Sign = [](std::string_view key, std::string_view message) { return std::string(key) + "/" + std::string(message); };
  CHECK(call.call().crypto().ed25519Sign("a/key", "m") == "whsk_AAAA/m");

  // The table as 1.0 had it: it ends behind random.
  auto* table = const_cast<ccp_crypto_v1*>(static_cast<const ccp_crypto_v1*>(host.raw()->service(host.raw(), CCP_CRYPTO_ID)));
  table->size = offsetof(ccp_crypto_v1, ed25519_sign);
  CHECK(call.call().crypto().sha256("abc").size() == 32);
  CHECK(call.call().crypto().hmacSha256("a/key", "m").size() == 32);
  for (const bool rsa : {false, true}) {
    CAPTURE(rsa);
    try {
      static_cast<void>(rsa ? call.call().crypto().rs256Sign("a/key", "m") : call.call().crypto().ed25519Sign("a/key", "m"));
      FAIL("an old host has no such function");
    } catch (const ccp::Error& e) {
      CHECK(e.rc() == CCP_RC_UNIMPLEMENTED);
    }
  }
}
