// A host for unit tests of plugins: every service in memory, time and network owned by the test, the real
// C ABI in between.
//
//   ccp::testing::FakeHost host;
//   host.secrets["polar/token"] = "polar_oat_x";
//   host.onHttp = [](const ccp::HttpRequest& r) { return ccp::HttpResponse{200, {}, "{}"}; };
//   ccp::testing::FakeInstance plugin(host, ccp_plugin_entry_v1());
//   plugin.configure(config); plugin.start();
//   auto r = plugin.call(&ccp_billing_v1::get_checkout, {{"checkout_id", "c1"}});   // r.rc, r.out, r.err
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ccp/abi/all.h"
#include "ccp/guard.hpp"
#include "ccp/host.hpp"
#include "ccp/testing/sha256.hpp"
#include "ccp/text.hpp"

namespace ccp {
inline namespace sdk_v1 {
namespace testing {

struct LogLine {
  std::int32_t level = 0;
  std::string event;
  json fields;
};
struct Tick {
  std::string name;
  std::int64_t interval_ms = 0;
  ccp_op op = nullptr;
};

class FakeHost {
 public:
  FakeHost() : host_(&raw_) { fill(); }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // What the test decides.
  std::int64_t now_us = 1800000000000000;
  std::map<std::string, std::string> secrets;  ///< by id
  /// Answers requests; a thrown ccp::Error is what the plugin sees. `auth` names secrets, not values.
  std::function<HttpResponse(const HttpRequest&)> onHttp;
  std::function<bool(std::string_view key, std::string_view message, std::string_view signature)> onEd25519;
  /// Signatures of the test's choice; unset: bytes that depend on key and message. `key` is the secret's
  /// value as it stands in `secrets`, undecoded.
  std::function<std::string(std::string_view key, std::string_view message)> onEd25519Sign, onRs256Sign;
  std::vector<std::string> missing_services;  ///< ids that the host pretends not to have
  bool cancelled = false;

  // What the plugin did.
  std::vector<HttpRequest> requests;
  std::vector<LogLine> logs;
  std::vector<json> events;
  std::vector<Tick> ticks;
  std::map<std::string, Kv::Entry> kv;

  void advanceMs(std::int64_t ms) { now_us += ms * 1000; }
  void setMode(const char* mode) { raw_.mode = mode; }
  const ccp_host* raw() const noexcept { return &raw_; }
  Host& host() noexcept { return host_; }

 private:
  template <class Table>
  static FakeHost& self(const Table* t) { return *static_cast<FakeHost*>(t->ctx); }
  template <class Table>
  void head(Table& t) {
    t.size = sizeof(Table);
    t.reserved = 0;
    t.ctx = this;
  }

  static ccp_rc serveHttp(const ccp_http_v1* t, ccp_str head_json, ccp_str body, const ccp_sink* head_out,
                          const ccp_sink* body_out, const ccp_sink* err) noexcept {
    const ccp_call problem_call = {sizeof(ccp_call), 0, 0, {nullptr, 0}, {nullptr, 0}, {nullptr, 0}, head_out, err, nullptr};
    return sdk_v1::detail::guard(&problem_call, [&]() -> json {
      FakeHost& host = self(t);
      const json in = parseJson(toView(head_json));
      HttpRequest request;
      request.method = str(in, "method");
      request.url = str(in, "url");
      request.body = std::string(toView(body));
      for (const auto& pair : in.at("headers")) request.headers.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
      if (const json* auth = member(in, "auth")) {
        request.auth.bearer = strOr(*auth, "bearer");
        request.auth.basic_user = strOr(*auth, "basic_user");
        request.auth.header = strOr(*auth, "header");
        request.auth.secret = strOr(*auth, "secret");
        request.auth.prefix = strOr(*auth, "prefix");
        const std::string id = request.auth.bearer + request.auth.basic_user + request.auth.secret;
        if (host.secrets.count(id) == 0) throw Error::permissionDenied("the test gave no secret " + id);
      }
      request.timeout_ms = intOr(in, "timeout_ms");
      request.max_response_bytes = intOr(in, "max_response_bytes");
      host.requests.push_back(request);
      if (!host.onHttp) throw Error::unavailable("the test answers no HTTP");
      const HttpResponse response = host.onHttp(request);
      json out = {{"status", response.status}, {"headers", json::array()}};
      for (const auto& [name, value] : response.headers) out["headers"].push_back(json::array({name, value}));
      if (body_out->write(body_out, response.body.data(), response.body.size()) != CCP_RC_OK) {
        throw Error(CCP_RC_RESOURCE_EXHAUSTED, "response too large");
      }
      return out;
    });
  }

  ccp_rc writeSecret(ccp_str id, const ccp_sink* out) const {
    const auto it = secrets.find(std::string(toView(id)));
    return it == secrets.end() ? CCP_RC_NOT_FOUND : out->write(out, it->second.data(), it->second.size());
  }
  ccp_rc hmac(ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message, const ccp_sink* out) const {
    const auto it = secrets.find(std::string(toView(id)));
    if (it == secrets.end()) return CCP_RC_NOT_FOUND;
    std::string key = it->second;
    if (encoding == CCP_KEY_BASE64_AFTER_PREFIX) {
      if (key.compare(0, prefix.len, prefix.ptr ? prefix.ptr : "", prefix.len) == 0) key.erase(0, prefix.len);
      auto decoded = base64Decode(key);
      if (!decoded) return CCP_RC_INVALID_ARGUMENT;
      key = std::move(*decoded);
    }
    if (key.empty()) return CCP_RC_NOT_FOUND;
    const std::string mac = hmacSha256(key, toView(message));
    return out->write(out, mac.data(), mac.size());
  }
  using Signer = std::function<std::string(std::string_view key, std::string_view message)>;
  ccp_rc sign(const Signer& signer, ccp_str id, std::size_t bytes, ccp_str message, const ccp_sink* out) const {
    const auto it = secrets.find(std::string(toView(id)));
    if (it == secrets.end()) return CCP_RC_NOT_FOUND;
    std::string made = signer ? signer(it->second, toView(message)) : std::string();
    if (!signer) {
      for (char part = '0'; made.size() < bytes; ++part) made += hmacSha256(it->second, std::string(1, part) + std::string(toView(message)));
    }
    return out->write(out, made.data(), made.size());
  }
  ccp_rc putKv(ccp_str key, ccp_str value, std::int64_t expected, std::int64_t* version) {
    const auto it = kv.find(std::string(toView(key)));
    const std::int64_t current = it == kv.end() ? 0 : it->second.version;
    if (expected != CCP_KV_ANY_VERSION && expected != current) return CCP_RC_CONFLICT;
    kv[std::string(toView(key))] = {std::string(toView(value)), current + 1};
    if (version) *version = current + 1;
    return CCP_RC_OK;
  }

  void fill() {
    head(log_);
    log_.write = [](const ccp_log_v1* t, std::int32_t level, ccp_str event, ccp_str fields) {
      self(t).logs.push_back({level, std::string(toView(event)), json::parse(toView(fields), nullptr, false)});
    };
    head(clock_);
    clock_.wall_us = [](const ccp_clock_v1* t) { return self(t).now_us; };
    clock_.mono_ns = [](const ccp_clock_v1* t) { return static_cast<std::uint64_t>(self(t).now_us) * 1000; };
    head(http_);
    http_.send = [](const ccp_http_v1* t, const ccp_call*, ccp_str h, ccp_str b, const ccp_sink* ho, const ccp_sink* bo, const ccp_sink* e) {
      return serveHttp(t, h, b, ho, bo, e);
    };
    head(kv_);
    kv_.get = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, const ccp_sink* out, std::int64_t* version) -> ccp_rc {
      const auto it = self(t).kv.find(std::string(toView(key)));
      if (it == self(t).kv.end()) return CCP_RC_NOT_FOUND;
      if (version) *version = it->second.version;
      return out->write(out, it->second.value.data(), it->second.value.size());
    };
    kv_.put = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, ccp_str value, std::int64_t expected, std::int64_t, std::int64_t* version) {
      return self(t).putKv(key, value, expected, version);
    };
    kv_.remove = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, std::int64_t expected) -> ccp_rc {
      const auto it = self(t).kv.find(std::string(toView(key)));
      const std::int64_t current = it == self(t).kv.end() ? 0 : it->second.version;
      if (expected != CCP_KV_ANY_VERSION && expected != current) return CCP_RC_CONFLICT;
      self(t).kv.erase(std::string(toView(key)));
      return CCP_RC_OK;
    };
    head(secrets_);
    secrets_.get = [](const ccp_secrets_v1* t, const ccp_call*, ccp_str id, const ccp_sink* out) { return self(t).writeSecret(id, out); };
    head(crypto_);
    crypto_.hmac_sha256 = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message,
                             const ccp_sink* out) { return self(t).hmac(id, encoding, prefix, message, out); };
    crypto_.ed25519_verify = [](const ccp_crypto_v1* t, ccp_str key, ccp_str message, ccp_str signature) -> ccp_rc {
      const auto& check = self(t).onEd25519;
      return check && check(toView(key), toView(message), toView(signature)) ? CCP_RC_OK : CCP_RC_UNAUTHENTICATED;
    };
    crypto_.sha256 = [](const ccp_crypto_v1*, ccp_str message, const ccp_sink* out) {
      const std::string digest = sha256(toView(message));
      return out->write(out, digest.data(), digest.size());
    };
    crypto_.random = [](const ccp_crypto_v1* t, std::size_t n, const ccp_sink* out) {
      std::string bytes;  // different at every draw, the same in every run
      while (bytes.size() < n) bytes += sha256("fake random " + std::to_string(self(t).draws_++));
      return out->write(out, bytes.data(), n);
    };
    crypto_.ed25519_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t, ccp_str, ccp_str message, const ccp_sink* out) {
      return self(t).sign(self(t).onEd25519Sign, id, 64, message, out);
    };
    crypto_.rs256_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, ccp_str message, const ccp_sink* out) {
      return self(t).sign(self(t).onRs256Sign, id, 256, message, out);
    };
    head(metrics_);
    metrics_.define = [](const ccp_metrics_v1* t, std::int32_t, ccp_str, ccp_str, ccp_str, std::uint32_t* handle) -> ccp_rc {
      *handle = self(t).metric_count_++;
      return CCP_RC_OK;
    };
    metrics_.record = [](const ccp_metrics_v1*, std::uint32_t, double, ccp_str) {};
    head(events_);
    events_.append = [](const ccp_events_v1* t, const ccp_call*, ccp_str event) -> ccp_rc {
      self(t).events.push_back(json::parse(toView(event), nullptr, false));
      return CCP_RC_OK;
    };
    head(scheduler_);
    scheduler_.every = [](const ccp_scheduler_v1* t, const ccp_call*, ccp_str name, std::int64_t ms, ccp_op tick) -> ccp_rc {
      self(t).ticks.push_back({std::string(toView(name)), ms, tick});
      return CCP_RC_OK;
    };
    raw_ = {sizeof(ccp_host), CCP_ABI_MAJOR, CCP_ABI_MINOR, this, "fake", "0", &FakeHost::service, "dev"};
  }

  static const void* service(const ccp_host* h, const char* id) {
    FakeHost& host = *static_cast<FakeHost*>(h->ctx);
    for (const auto& gone : host.missing_services) {
      if (gone == id) return nullptr;
    }
    const std::pair<const char*, const void*> all[] = {
        {CCP_LOG_ID, &host.log_},         {CCP_CLOCK_ID, &host.clock_},     {CCP_HTTP_ID, &host.http_},
        {CCP_KV_ID, &host.kv_},           {CCP_SECRETS_ID, &host.secrets_}, {CCP_CRYPTO_ID, &host.crypto_},
        {CCP_METRICS_ID, &host.metrics_}, {CCP_EVENTS_ID, &host.events_},   {CCP_SCHEDULER_ID, &host.scheduler_}};
    for (const auto& [name, table] : all) {
      if (std::strcmp(name, id) == 0) return table;
    }
    return nullptr;
  }

  ccp_host raw_{};
  Host host_;
  std::uint64_t draws_ = 0;
  std::uint32_t metric_count_ = 0;
  ccp_log_v1 log_{};
  ccp_clock_v1 clock_{};
  ccp_http_v1 http_{};
  ccp_kv_v1 kv_{};
  ccp_secrets_v1 secrets_{};
  ccp_crypto_v1 crypto_{};
  ccp_metrics_v1 metrics_{};
  ccp_events_v1 events_{};
  ccp_scheduler_v1 scheduler_{};
};

/// One call with its sinks; for testing a client class without a plugin around it, use call().
class FakeCall {
 public:
  explicit FakeCall(FakeHost& host, std::string tenant = "org_test", std::string key = "idem_test")
      : tenant_(std::move(tenant)), key_(std::move(key)), err_(16384), hook_{&host}, call_(host.host(), &hook_.raw) {
    hook_.raw = {sizeof(ccp_call), 0, 0, toStr(request_), toStr(tenant_), toStr(key_), out_.raw(), err_.raw(),
                 [](const ccp_call* c) -> std::int32_t { return reinterpret_cast<const Hook*>(reinterpret_cast<const char*>(c) - offsetof(Hook, raw))->host->cancelled; }};
  }
  FakeCall(const FakeCall&) = delete;
  FakeCall& operator=(const FakeCall&) = delete;
  Call& call() noexcept { return call_; }
  ccp_call& raw() noexcept { return hook_.raw; }
  std::string& out() noexcept { return out_.text(); }
  std::string& err() noexcept { return err_.text(); }

 private:
  struct Hook {
    FakeHost* host;
    ccp_call raw{};
  };
  std::string request_ = "req_test", tenant_, key_;
  StringSink out_, err_;
  Hook hook_;
  Call call_;
};

struct OpResult {
  ccp_rc rc = CCP_RC_INTERNAL;
  json out;  ///< null unless rc is OK
  json err;  ///< problem JSON, null when none was written
  bool ok() const noexcept { return rc == CCP_RC_OK; }
  std::string code() const { return strOr(err, "code"); }
};

inline const char* interfaceId(const ccp_billing_v1*) { return CCP_BILLING_ID; }
inline const char* interfaceId(const ccp_identity_v1*) { return CCP_IDENTITY_ID; }
inline const char* interfaceId(const ccp_notifier_v1*) { return CCP_NOTIFIER_ID; }
inline const char* interfaceId(const ccp_exporter_v1*) { return CCP_EXPORTER_ID; }
inline const char* interfaceId(const ccp_inbound_v1*) { return CCP_INBOUND_ID; }

/// One instance of a plugin, driven through its C table; destroyed with this object.
class FakeInstance {
 public:
  FakeInstance(FakeHost& host, const ccp_plugin* plugin, std::string_view name = "test") : host_(host), plugin_(plugin) {
    const ccp_rc rc = plugin->create(host.raw(), toStr(name), &instance_);
    if (rc != CCP_RC_OK) throw std::runtime_error(std::string("create: ") + rcName(rc));
  }
  ~FakeInstance() { plugin_->destroy(instance_); }
  FakeInstance(const FakeInstance&) = delete;
  FakeInstance& operator=(const FakeInstance&) = delete;

  OpResult configure(const json& config) { return run(plugin_->configure, config); }
  OpResult start() { return run(plugin_->start, json::object()); }
  OpResult health() { return run(plugin_->health, json::object()); }
  OpResult drain() { return run(plugin_->drain, json::object()); }
  OpResult stop() { return run(plugin_->stop, json::object()); }
  /// call(&ccp_billing_v1::get_checkout, {...})
  template <class Table>
  OpResult call(ccp_op Table::*op, const json& in) {
    const auto* table = static_cast<const Table*>(plugin_->extension(plugin_, interfaceId(static_cast<const Table*>(nullptr))));
    if (!table) throw std::runtime_error("the plugin does not provide this interface");
    return run(table->*op, in);
  }
  OpResult run(ccp_op op, const json& in) {
    FakeCall call(host_);
    const std::string text = dumpJson(in);
    OpResult result;
    result.rc = op(instance_, &call.raw(), toStr(text));
    if (result.ok()) result.out = parseJson(call.out());
    if (!call.err().empty()) result.err = parseJson(call.err());
    return result;
  }
  ccp_instance* raw() noexcept { return instance_; }

 private:
  FakeHost& host_;
  const ccp_plugin* plugin_;
  ccp_instance* instance_ = nullptr;
};

}  // namespace testing
}  // namespace sdk_v1
}  // namespace ccp
