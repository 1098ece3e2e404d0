// What plugins may do through the host: within their signed manifest, and no further.
#include <doctest/doctest.h>

#include "core/base/log.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/crypto/hmac.hpp"
#include "core/db/outbox.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using ccp::test::PluginWorld;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

ccp_str str(std::string_view text) { return {text.data(), text.size()}; }

/// A sink of the plugin's own.
struct Out {
  ccp_sink sink{sizeof(ccp_sink), 0, this, [](const ccp_sink* s, const void* data, std::size_t len) -> ccp_rc {
                  static_cast<Out*>(s->ctx)->text.append(static_cast<const char*>(data), len);
                  return CCP_RC_OK;
                }};
  std::string text;
};

template <class Table>
const Table* service(const ccp_host* host, const char* id) {
  const auto* table = static_cast<const Table*>(host->service(host, id));
  REQUIRE(table != nullptr);
  REQUIRE(table->size == sizeof(Table));
  return table;
}

/// Every log line from info on, as long as it lives.
class CapturedLog {
 public:
  CapturedLog() {
    log::setLevel(log::Level::info);
    log::setSink([this](std::string_view line) { text_ += line; });
  }
  ~CapturedLog() {
    log::setSink({});
    log::setLevel(log::Level::error);
  }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

struct HttpResult {
  ccp_rc rc = CCP_RC_INTERNAL;
  std::string head, body, err;
};
HttpResult send(PluginWorld& w, const std::string& head, const std::string& body = {}) {
  HttpResult result;
  result.rc = w.inside([&](const ccp_host* host, const ccp_call* call) {
    const auto* http = service<ccp_http_v1>(host, CCP_HTTP_ID);
    Out head_out, body_out, err;
    const ccp_rc rc = http->send(http, call, str(head), str(body), &head_out.sink, &body_out.sink, &err.sink);
    result.head = head_out.text;
    result.body = body_out.text;
    result.err = err.text;
    return rc;
  });
  return result;
}

std::string headerOf(const net::HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("only services that the manifest lists are there, log and clock always") {
  PluginWorld w;
  w.manifest.erase("requires");
  w.manifest.set("optional", *parseJson(R"(["ccp.crypto/1"])"));
  REQUIRE(w.load().has_value());
  w.inside([](const ccp_host* host, const ccp_call*) {
    CHECK(host->service(host, CCP_LOG_ID) != nullptr);
    CHECK(host->service(host, CCP_CLOCK_ID) != nullptr);
    CHECK(host->service(host, CCP_CRYPTO_ID) != nullptr);
    for (const char* id : {CCP_HTTP_ID, CCP_KV_ID, CCP_SECRETS_ID, CCP_METRICS_ID, CCP_EVENTS_ID, CCP_SCHEDULER_ID, "ccp.http/2", ""}) {
      CHECK(host->service(host, id) == nullptr);
    }
    CHECK(host->service(host, nullptr) == nullptr);
    CHECK(std::string(host->mode) == "dev");
    return CCP_RC_OK;
  });
}

TEST_CASE("http goes to origins of the manifest and of the instance's egress, and nowhere else") {
  PluginWorld w;
  w.instance.egress.origins = {"http://127.0.0.1:9999", "https://extra.example.com/"};
  REQUIRE(w.load().has_value());
  const auto ask = [&](const char* url) { return send(w, std::string(R"({"method":"GET","url":")") + url + "\"}"); };
  const auto good = ask("https://api.example.com/v1/x?y=1");
  CHECK(good.rc == CCP_RC_OK);
  CHECK(good.head == R"({"status":200,"headers":[["X-Answer","yes"]]})");
  CHECK(good.body == "body");
  CHECK(ask("https://extra.example.com/a").rc == CCP_RC_OK);
  CHECK(ask("http://127.0.0.1:9999/a").rc == CCP_RC_OK);
  const auto asked = w.http.asked.size();
  for (const char* url : {"http://api.example.com/", "https://api.example.com:444/", "https://api.example.com.evil.test/", "https://evil.test/",
                          "https://api.example.com@evil.test/", "http://127.0.0.1:9998/", "http://localhost:9999/", "file:///etc/passwd",
                          "https://evil.test\\\\@api.example.com/"}) {
    CAPTURE(url);
    const auto refused = ask(url);
    CHECK(refused.rc != CCP_RC_OK);
    CHECK_FALSE(refused.err.empty());
  }
  CHECK(w.http.asked.size() == asked);
}

TEST_CASE("private addresses stay closed, except to a development server's own loopback or by the operator") {
  struct Case {
    bool dev;
    bool allowed_by_operator;
    const char* url;
    bool public_only;
  };
  const Case cases[] = {{true, false, "http://127.0.0.1:9999/", false},
                        {true, false, "https://api.example.com/", true},
                        {false, false, "http://127.0.0.1:9999/", true},
                        {false, false, "https://api.example.com/", true},
                        {false, true, "http://127.0.0.1:9999/", false}};
  for (const auto& c : cases) {
    CAPTURE(c.url);
    CAPTURE(c.dev);
    PluginWorld w(c.dev);
    w.instance.egress = {{"http://127.0.0.1:9999"}, c.allowed_by_operator};
    REQUIRE(w.load().has_value());
    REQUIRE(send(w, std::string(R"({"method":"GET","url":")") + c.url + "\"}").rc == CCP_RC_OK);
    CHECK(w.http.asked.back().options.public_addresses_only == c.public_only);
  }
}

TEST_CASE("credentials are attached by the host, bound to their origin, and refused beyond the manifest") {
  PluginWorld w;
  w.instance.egress.origins = {"https://other.example.com"};
  REQUIRE(w.load().has_value());
  const auto ask = [&](const std::string& url, const std::string& auth, const std::string& headers = "[]") {
    return send(w, R"({"method":"POST","url":")" + url + R"(","headers":)" + headers + R"(,"auth":)" + auth + "}", "x");
  };
  CHECK(ask("https://api.example.com/", R"({"bearer":"test/token"})", R"([["authorization","mine"]])").rc == CCP_RC_OK);
  CHECK(headerOf(w.http.asked.back().request, "Authorization") == "Bearer s3cret");
  CHECK(headerOf(w.http.asked.back().request, "authorization").empty());
  CHECK(w.http.asked.back().request.body == "x");
  CHECK(ask("https://api.example.com/", R"({"basic_user":"test/token"})").rc == CCP_RC_OK);
  CHECK(headerOf(w.http.asked.back().request, "Authorization") == "Basic czNjcmV0Og==");
  CHECK(ask("https://api.example.com/", R"({"header":"X-Key","secret":"test/token","prefix":"k="})").rc == CCP_RC_OK);
  CHECK(headerOf(w.http.asked.back().request, "X-Key") == "k=s3cret");

  const auto asked = w.http.asked.size();
  const auto elsewhere = ask("https://other.example.com/", R"({"bearer":"test/token"})");
  CHECK(elsewhere.rc == CCP_RC_PERMISSION_DENIED);
  CHECK(elsewhere.err.find("belongs to https://api.example.com") != std::string::npos);
  CHECK(ask("https://api.example.com/", R"({"bearer":"other/token"})").rc == CCP_RC_PERMISSION_DENIED);
  CHECK(ask("https://api.example.com/", R"({"bearer":"test/missing"})").rc == CCP_RC_NOT_FOUND);
  CHECK(ask("https://api.example.com/", R"({"header":"Host","secret":"test/token"})").rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ask("https://api.example.com/", R"({})").rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ask("https://api.example.com/", "null", R"([["Host","evil.test"]])").rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ask("https://api.example.com/", "null", R"([["X","a\r\nY: b"]])").rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(ask("https://api.example.com/", "null", R"([["X"]])").rc == CCP_RC_INVALID_ARGUMENT);
  CHECK(w.http.asked.size() == asked);
}

TEST_CASE("http inherits the deadline of its call and reports failures as classes") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const char* get = R"({"method":"GET","url":"https://api.example.com/","timeout_ms":500})";
  REQUIRE(send(w, get).rc == CCP_RC_OK);
  CHECK((w.http.asked.back().options.timeout == milliseconds(500)));
  REQUIRE(send(w, R"({"method":"GET","url":"https://api.example.com/"})").rc == CCP_RC_OK);
  CHECK((w.http.asked.back().options.timeout == milliseconds(2000)));
  const auto asked = w.http.asked.size();
  ScriptedPlugin::get().ops["begin"] = [&](const ccp_host* host, const ccp_call* call, std::string_view) {
    w.env().clock.advance(seconds(3));
    const auto* http = service<ccp_http_v1>(host, CCP_HTTP_ID);
    Out head, body;
    CHECK(http->send(http, call, str(get), str(""), &head.sink, &body.sink, nullptr) == CCP_RC_DEADLINE_EXCEEDED);
    return CCP_RC_CANCELLED;
  };
  CHECK_FALSE(w.provider()->beginDevice({}, "c", "s").has_value());
  CHECK(w.http.asked.size() == asked);
  const std::pair<Errc, ccp_rc> failures[] = {{Errc::unreachable, CCP_RC_UNAVAILABLE},
                                              {Errc::deadline_exceeded, CCP_RC_DEADLINE_EXCEEDED},
                                              {Errc::egress_denied, CCP_RC_PERMISSION_DENIED},
                                              {Errc::bad_request, CCP_RC_INVALID_ARGUMENT}};
  for (const auto& [code, rc] : failures) {
    w.http.answer = fail(code, "because");
    const auto result = send(w, get);
    CHECK(result.rc == rc);
    CHECK(result.err.find("because") != std::string::npos);
  }
}

TEST_CASE("services that belong to a call refuse to work outside of one") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const ccp_host* kept = nullptr;
  w.inside([&](const ccp_host* host, const ccp_call*) {
    kept = host;
    return CCP_RC_OK;
  });
  Out out;
  const auto* secrets = service<ccp_secrets_v1>(kept, CCP_SECRETS_ID);
  CHECK(secrets->get(secrets, nullptr, str("test/token"), &out.sink) == CCP_RC_PERMISSION_DENIED);
  const auto* kv = service<ccp_kv_v1>(kept, CCP_KV_ID);
  CHECK(kv->put(kv, nullptr, str("k"), str("v"), CCP_KV_ANY_VERSION, 0, nullptr) == CCP_RC_PERMISSION_DENIED);
  CHECK(out.text.empty());
  // Clock and log work at any time.
  const auto* clock = service<ccp_clock_v1>(kept, CCP_CLOCK_ID);
  CHECK(clock->wall_us(clock) == toMicros(w.env().clock.now()));
  CHECK(clock->mono_ns(clock) == w.env().clock.monotonicNs());
}

TEST_CASE("kv keeps versions, time to live and quota, for one instance alone") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  w.inside([&](const ccp_host* host, const ccp_call* call) {
    const auto* kv = service<ccp_kv_v1>(host, CCP_KV_ID);
    std::int64_t version = 0;
    Out out;
    const auto put_at = [&](const char* key, std::string_view value, std::int64_t expected, std::int64_t ttl = 0) {
      return kv->put(kv, call, str(key), str(value), expected, ttl, &version);
    };
    const auto get = [&](const char* key) {
      out.text.clear();
      return kv->get(kv, call, str(key), &out.sink, &version);
    };
    CHECK(get("a") == CCP_RC_NOT_FOUND);
    CHECK(put_at("a", std::string_view("\0\xff", 2), CCP_KV_MUST_NOT_EXIST) == CCP_RC_OK);
    CHECK(version == 1);
    CHECK(put_at("a", "again", CCP_KV_MUST_NOT_EXIST) == CCP_RC_CONFLICT);
    CHECK(put_at("a", "again", 2) == CCP_RC_CONFLICT);
    CHECK(get("a") == CCP_RC_OK);
    CHECK(out.text == std::string("\0\xff", 2));
    CHECK(put_at("a", "again", 1) == CCP_RC_OK);
    CHECK(version == 2);
    CHECK(kv->remove(kv, call, str("a"), 1) == CCP_RC_CONFLICT);
    CHECK(kv->remove(kv, call, str("a"), 2) == CCP_RC_OK);
    CHECK(kv->remove(kv, call, str("a"), CCP_KV_ANY_VERSION) == CCP_RC_OK);
    CHECK(get("a") == CCP_RC_NOT_FOUND);
    // Time to live.
    CHECK(put_at("t", "x", CCP_KV_ANY_VERSION, 1000) == CCP_RC_OK);
    w.env().clock.advance(milliseconds(999));
    CHECK(get("t") == CCP_RC_OK);
    w.env().clock.advance(milliseconds(1));
    CHECK(get("t") == CCP_RC_NOT_FOUND);
    CHECK(put_at("t", "y", CCP_KV_MUST_NOT_EXIST) == CCP_RC_OK);
    // 64 bytes in all, keys included; what is replaced or dead does not count.
    CHECK(put_at("big", std::string(61, 'x'), CCP_KV_ANY_VERSION) == CCP_RC_RESOURCE_EXHAUSTED);
    CHECK(put_at("big", std::string(55, 'x'), CCP_KV_ANY_VERSION) == CCP_RC_OK);
    CHECK(put_at("big", std::string(55, 'y'), CCP_KV_ANY_VERSION) == CCP_RC_OK);
    // Keys and arguments.
    CHECK(put_at("", "x", CCP_KV_ANY_VERSION) == CCP_RC_INVALID_ARGUMENT);
    CHECK(put_at("\xff", "x", CCP_KV_ANY_VERSION) == CCP_RC_INVALID_ARGUMENT);
    CHECK(put_at("k", "x", -2) == CCP_RC_INVALID_ARGUMENT);
    CHECK(put_at("k", "x", CCP_KV_ANY_VERSION, -1) == CCP_RC_INVALID_ARGUMENT);
    return CCP_RC_OK;
  });
  // Another instance sees nothing of it.
  w.instance.name = "two";
  REQUIRE(w.load().has_value());
  ScriptedPlugin::get().ops["health"] = [&](const ccp_host* host, const ccp_call* call, std::string_view) {
    const auto* kv = service<ccp_kv_v1>(host, CCP_KV_ID);
    Out out;
    const bool found = kv->get(kv, call, str("big"), &out.sink, nullptr) == CCP_RC_OK;
    return put(call->out, found ? R"({"status":"ok","detail":"found"})" : R"({"status":"ok","detail":"nothing"})");
  };
  const Json health = w.host.health();
  CHECK(health.items().at(0).strOr("detail") == "found");
  CHECK(health.items().at(1).strOr("detail") == "nothing");
}

TEST_CASE("secrets: only those of the manifest, every read logged, never the value") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const CapturedLog log_lines;
  w.inside([&](const ccp_host* host, const ccp_call* call) {
    const auto* secrets = service<ccp_secrets_v1>(host, CCP_SECRETS_ID);
    Out out;
    CHECK(secrets->get(secrets, call, str("test/token"), &out.sink) == CCP_RC_OK);
    CHECK(out.text == "s3cret");
    Out none;
    CHECK(secrets->get(secrets, call, str("other/token"), &none.sink) == CCP_RC_PERMISSION_DENIED);
    CHECK(secrets->get(secrets, call, str("test/missing"), &none.sink) == CCP_RC_NOT_FOUND);
    CHECK(secrets->get(secrets, call, str("test/../other/token"), &none.sink) == CCP_RC_NOT_FOUND);
    CHECK(none.text.empty());
    return CCP_RC_OK;
  });
  const std::string lines = log_lines.text();
  CHECK(lines.find("plugin_secret_read") != std::string::npos);
  CHECK(lines.find("s3cret") == std::string::npos);
}

TEST_CASE("crypto: keys by reference in both encodings, signatures, digests, randomness") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  w.inside([&](const ccp_host* host, const ccp_call* call) {
    const auto* crypto = service<ccp_crypto_v1>(host, CCP_CRYPTO_ID);
    const auto hmac = [&](const char* id, std::int32_t encoding, const char* prefix, Out& out) {
      return crypto->hmac_sha256(crypto, call, str(id), encoding, str(prefix), str("message"), &out.sink);
    };
    const auto expected = [](std::string_view key) {
      const auto mac = ccp::crypto::hmacSha256(bytesOf(key), bytesOf("message"));
      return std::string(textOf(mac));
    };
    Out raw, decoded, without, refused;
    CHECK(hmac("test/key64", CCP_KEY_RAW, "", raw) == CCP_RC_OK);
    CHECK(raw.text == expected("whsec_a2V5"));
    CHECK(hmac("test/key64", CCP_KEY_BASE64_AFTER_PREFIX, "whsec_", decoded) == CCP_RC_OK);
    CHECK(decoded.text == expected("key"));
    CHECK(hmac("test/token", CCP_KEY_BASE64_AFTER_PREFIX, "whsec_", without) == CCP_RC_INVALID_ARGUMENT);
    CHECK(hmac("other/token", CCP_KEY_RAW, "", refused) == CCP_RC_PERMISSION_DENIED);
    CHECK(hmac("test/token", 7, "", refused) == CCP_RC_INVALID_ARGUMENT);
    // With an empty key anybody could make the same MAC: it is no key, nor is a prefix with nothing after it.
    CHECK(hmac("test/empty", CCP_KEY_RAW, "", refused) == CCP_RC_NOT_FOUND);
    CHECK(hmac("test/empty", CCP_KEY_BASE64_AFTER_PREFIX, "whsec_", refused) == CCP_RC_NOT_FOUND);
    CHECK(hmac("test/prefix", CCP_KEY_BASE64_AFTER_PREFIX, "whsec_", refused) == CCP_RC_NOT_FOUND);
    CHECK(refused.text.empty());

    test::SeededRandom random;
    const auto key = ccp::crypto::SigningKey::generate(random);
    const auto signature = key.sign(bytesOf("message"));
    const auto verify = [&](std::string_view k, std::string_view m, std::string_view s) { return crypto->ed25519_verify(crypto, str(k), str(m), str(s)); };
    const std::string_view k = textOf(key.publicKey().bytes), s = textOf(signature);
    CHECK(verify(k, "message", s) == CCP_RC_OK);
    CHECK(verify(k, "Message", s) == CCP_RC_UNAUTHENTICATED);
    CHECK(verify(k.substr(1), "message", s) == CCP_RC_UNAUTHENTICATED);
    CHECK(verify(k, "message", s.substr(1)) == CCP_RC_UNAUTHENTICATED);
    CHECK(verify(std::string(32, '\0'), "message", s) == CCP_RC_UNAUTHENTICATED);

    Out digest, first, second;
    CHECK(crypto->sha256(crypto, str("abc"), &digest.sink) == CCP_RC_OK);
    CHECK(hexEncode(bytesOf(digest.text)) == sha256Hex("abc"));
    CHECK(crypto->random(crypto, 32, &first.sink) == CCP_RC_OK);
    CHECK(crypto->random(crypto, 32, &second.sink) == CCP_RC_OK);
    CHECK(first.text.size() == 32);
    CHECK(first.text != second.text);
    CHECK(crypto->random(crypto, 4097, &first.sink) == CCP_RC_INVALID_ARGUMENT);
    return CCP_RC_OK;
  });
}

TEST_CASE("crypto: Ed25519 signatures with keys in every encoding; wrong keys sign nothing") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  w.inside([&](const ccp_host* host, const ccp_call* call) {
    CHECK(host->abi_minor == 1);
    const auto* crypto = service<ccp_crypto_v1>(host, CCP_CRYPTO_ID);
    REQUIRE(CCP_HAS(crypto, ed25519_sign));
    const auto sign = [&](const char* id, std::int32_t encoding, const char* prefix, Out& out) {
      return crypto->ed25519_sign(crypto, call, str(id), encoding, str(prefix), str("\x72"), &out.sink);
    };
    // RFC 8032 section 7.1, test 2.
    const char* expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    Out prefixed, url, whole;
    CHECK(sign("test/seed", CCP_KEY_BASE64_AFTER_PREFIX, "whsk_", prefixed) == CCP_RC_OK);
    CHECK(hexEncode(bytesOf(prefixed.text)) == expected);
    CHECK(sign("test/seedurl", CCP_KEY_BASE64URL_AFTER_PREFIX, "", url) == CCP_RC_OK);
    CHECK(hexEncode(bytesOf(url.text)) == expected);
    CHECK(sign("test/seedpub", CCP_KEY_BASE64_AFTER_PREFIX, "", whole) == CCP_RC_OK);
    CHECK(hexEncode(bytesOf(whole.text)) == expected);

    Out none;
    CHECK(sign("test/seedbad", CCP_KEY_BASE64_AFTER_PREFIX, "", none) == CCP_RC_INVALID_ARGUMENT);
    CHECK(sign("test/seed", CCP_KEY_RAW, "", none) == CCP_RC_INVALID_ARGUMENT);      // text, not 32 bytes
    CHECK(sign("test/key64", CCP_KEY_BASE64_AFTER_PREFIX, "whsec_", none) == CCP_RC_INVALID_ARGUMENT);  // three bytes
    CHECK(sign("test/seed", CCP_KEY_BASE64URL_AFTER_PREFIX, "whsk_", none) == CCP_RC_INVALID_ARGUMENT);
    CHECK(sign("test/seed", 3, "whsk_", none) == CCP_RC_INVALID_ARGUMENT);
    CHECK(sign("other/token", CCP_KEY_RAW, "", none) == CCP_RC_PERMISSION_DENIED);
    CHECK(sign("test/absent", CCP_KEY_RAW, "", none) == CCP_RC_NOT_FOUND);
    // A token is no PEM; what PEM gives is in unit_core_crypto.
    CHECK(crypto->rs256_sign(crypto, call, str("test/token"), str("m"), &none.sink) == CCP_RC_INVALID_ARGUMENT);
    CHECK(crypto->rs256_sign(crypto, call, str("other/token"), str("m"), &none.sink) == CCP_RC_PERMISSION_DENIED);
    CHECK(none.text.empty());
    return CCP_RC_OK;
  });
}

TEST_CASE("metrics: defined names and labels only, a bounded number of series") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  w.inside([&](const ccp_host* host, const ccp_call*) {
    const auto* metrics = service<ccp_metrics_v1>(host, CCP_METRICS_ID);
    std::uint32_t handle = 99;
    const auto define = [&](std::int32_t kind, const char* name, const char* labels) { return metrics->define(metrics, kind, str(name), str("help"), str(labels), &handle); };
    CHECK(define(CCP_METRIC_COUNTER, "Bad-Name", "") == CCP_RC_INVALID_ARGUMENT);
    CHECK(define(9, "x", "") == CCP_RC_INVALID_ARGUMENT);
    CHECK(define(CCP_METRIC_COUNTER, "x", R"(["instance"])") == CCP_RC_INVALID_ARGUMENT);
    CHECK(define(CCP_METRIC_COUNTER, "x", R"(["a","b","c","d","e"])") == CCP_RC_INVALID_ARGUMENT);
    CHECK(define(CCP_METRIC_COUNTER, "calls_total", R"(["kind"])") == CCP_RC_OK);
    CHECK(define(CCP_METRIC_COUNTER, "calls_total", "") == CCP_RC_CONFLICT);
    metrics->record(metrics, handle, 2, str(R"({"kind":"a"})"));
    metrics->record(metrics, handle, 1, str(R"({"kind":"a"})"));
    metrics->record(metrics, handle, -1, str(R"({"kind":"a"})"));
    metrics->record(metrics, handle, 1, str(R"({"other":"a"})"));
    metrics->record(metrics, handle + 7, 1, str(""));
    for (int i = 0; i < 200; ++i) {
      const std::string label = R"({"kind":"k)" + std::to_string(i) + "\"}";
      metrics->record(metrics, handle, 1, str(label));
    }
    return CCP_RC_OK;
  });
  const Labels labels{{"plugin", "ccp.test-scripted"}, {"instance", "one"}, {"kind", "a"}};
  CHECK(w.metrics.counter("ccp_plugin_calls_total", "", labels).value() == 3);
  CHECK(w.metrics.counter("ccp_plugin_metrics_dropped_total", "", {{"instance", "one"}}).value() == 3 + 101);
}

TEST_CASE("events: types of the manifest, for the call's tenant, through the outbox") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const auto append = [&](const char* event) {
    return w.inside(
        [&](const ccp_host* host, const ccp_call* call) {
          const auto* events = service<ccp_events_v1>(host, CCP_EVENTS_ID);
          return events->append(events, call, str(event));
        },
        "org_1");
  };
  CHECK(append(R"({"type":"thing.happened","subject":"s1","data":{"n":1}})") == CCP_RC_OK);
  CHECK(append(R"({"type":"license.changed","subject":"s1"})") == CCP_RC_PERMISSION_DENIED);
  CHECK(append(R"({"type":"thing.happened"})") == CCP_RC_INVALID_ARGUMENT);
  CHECK(append("[") == CCP_RC_INVALID_ARGUMENT);
  std::vector<db::OutboxEvent> seen;
  db::OutboxDispatcher dispatcher(w.env().db(), w.env().clock, w.env().metrics);
  dispatcher.subscribe("test", {}, [&](const db::OutboxEvent& event) -> Status {
    seen.push_back(event);
    return {};
  });
  REQUIRE(dispatcher.drainOnce().has_value());
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].org == "org_1");
  CHECK(seen[0].subject == "s1");
  CHECK(seen[0].data.intOr("n") == 1);
}

TEST_CASE("log lines carry who wrote them, hide credentials and are bounded in number") {
  PluginWorld w;
  REQUIRE(w.load().has_value());
  const CapturedLog log_lines;
  w.inside([&](const ccp_host* host, const ccp_call*) {
    const auto* log = service<ccp_log_v1>(host, CCP_LOG_ID);
    log->write(log, CCP_LOG_WARN, str("odd event\n"), str(R"({"token":"abc","note":"polar_oat_abcdefghijklmnop"})"));
    log->write(log, 99, str(""), str("{broken"));
    for (int i = 0; i < 500; ++i) log->write(log, CCP_LOG_WARN, str("many"), str(""));
    return CCP_RC_OK;
  });
  const std::string lines = log_lines.text();
  const Json first = *parseJson(lines.substr(0, lines.find('\n')));
  CHECK(first.strOr("event") == "plugin.odd_event_");
  CHECK(first.strOr("instance") == "one");
  CHECK(first.strOr("plugin") == "ccp.test-scripted");
  CHECK(first["fields"].strOr("token") != "abc");
  CHECK(first["fields"].strOr("note").find("abcdefgh") == std::string::npos);
  std::size_t many = 0;
  for (std::size_t at = lines.find("plugin.many"); at != std::string::npos; at = lines.find("plugin.many", at + 1)) ++many;
  CHECK(many == 198);
  CHECK(w.metrics.counter("ccp_plugin_log_dropped_total", "", {{"instance", "one"}}).value() == 302);
}
