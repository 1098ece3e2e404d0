// The host as a plugin sees it: Host (one per instance), Call (one per operation) and typed services on
// them. A service that the manifest lists under `requires` is always there; an optional one is asked for
// with has(). Failures throw ccp::Error, which the plugin may let through.
// Threads: Host is thread-safe; a Call belongs to the operation that got it.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ccp/abi/host.h"
#include "ccp/error.hpp"
#include "ccp/json.hpp"

namespace ccp {
inline namespace sdk_v1 {

inline ccp_str toStr(std::string_view text) noexcept { return {text.data(), text.size()}; }
inline std::string_view toView(ccp_str s) noexcept { return s.len == 0 ? std::string_view() : std::string_view(s.ptr, s.len); }

/// A sink that collects into a string, at most `max` bytes.
class StringSink {
 public:
  explicit StringSink(std::size_t max = std::size_t{64} << 20) : max_(max) {
    sink_.size = sizeof sink_;
    sink_.reserved = 0;
    sink_.ctx = this;
    sink_.write = [](const ccp_sink* s, const void* data, std::size_t len) noexcept -> ccp_rc {
      auto& self = *static_cast<StringSink*>(s->ctx);
      if (len > self.max_ - self.text_.size()) return CCP_RC_RESOURCE_EXHAUSTED;
      try {
        self.text_.append(static_cast<const char*>(data), len);
      } catch (...) {
        return CCP_RC_RESOURCE_EXHAUSTED;
      }
      return CCP_RC_OK;
    };
  }
  StringSink(const StringSink&) = delete;
  StringSink& operator=(const StringSink&) = delete;
  const ccp_sink* raw() const noexcept { return &sink_; }
  std::string& text() noexcept { return text_; }

 private:
  ccp_sink sink_{};
  std::size_t max_;
  std::string text_;
};

namespace detail {
/// Throws what a service said; `problem` is its problem JSON or empty.
inline void check(ccp_rc rc, const char* what, const std::string& problem = {}) {
  if (rc == CCP_RC_OK) return;
  std::string text = std::string(what) + ": " + rcName(rc);
  std::string code;
  std::int64_t retry = 0;
  if (!problem.empty()) {
    const json p = json::parse(problem, nullptr, false);
    if (const auto d = optStr(p, "detail")) text = std::string(what) + ": " + *d;
    code = strOr(p, "code");
    retry = intOr(p, "retry_after_ms");
  }
  Error error(rc, std::move(text));
  if (!code.empty()) error = std::move(error).withCode(std::move(code));
  throw std::move(error).withRetryAfterMs(retry);
}
}  // namespace detail

/// The function of a service's table; UNIMPLEMENTED on a host that is too old to have it. Every wrapper
/// below calls through here, so that a plugin meets an old host with an error and never with a crash.
#define CCP_SDK_FN(table, name) (CCP_HAS(table, name) ? (table)->name : throw ::ccp::Error::unimplemented("this host is too old: its table has no " #name))

/// Structured log lines: log.info("checkout_created", {{"checkout", id}}).
class Log {
 public:
  explicit Log(const ccp_log_v1* table) : table_(table) {}
  void debug(std::string_view event, const json& fields = json::object()) const { write(CCP_LOG_DEBUG, event, fields); }
  void info(std::string_view event, const json& fields = json::object()) const { write(CCP_LOG_INFO, event, fields); }
  void warn(std::string_view event, const json& fields = json::object()) const { write(CCP_LOG_WARN, event, fields); }
  void error(std::string_view event, const json& fields = json::object()) const { write(CCP_LOG_ERROR, event, fields); }
  void write(std::int32_t level, std::string_view event, const json& fields) const {
    if (!table_ || !CCP_HAS(table_, write)) return;
    const std::string text = dumpJson(fields);
    table_->write(table_, level, toStr(event), toStr(text));
  }

 private:
  const ccp_log_v1* table_;
};

class Clock {
 public:
  explicit Clock(const ccp_clock_v1* table) : table_(table) {}
  /// Microseconds since the epoch.
  std::int64_t nowUs() const { return CCP_SDK_FN(table_, wall_us)(table_); }
  std::int64_t nowSeconds() const { return nowUs() / 1000000; }
  std::uint64_t monotonicNs() const { return CCP_SDK_FN(table_, mono_ns)(table_); }

 private:
  const ccp_clock_v1* table_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

/// First value of a header, compared without case; empty when absent.
inline std::string headerOf(const Headers& headers, std::string_view name) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (const auto& [key, value] : headers) {
    if (key.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < key.size(); ++i) same = lower(key[i]) == lower(name[i]);
    if (same) return value;
  }
  return {};
}

/// How the host authenticates a request; the value of the secret never enters the plugin.
struct HttpAuth {
  std::string bearer;      ///< secret id: Authorization: Bearer <value>
  std::string basic_user;  ///< secret id: Authorization: Basic base64(<value>:)
  std::string header;      ///< header name, with `secret` and `prefix`
  std::string secret;
  std::string prefix;
};
struct HttpRequest {
  std::string method = "GET";
  std::string url;
  Headers headers;
  std::string body;
  HttpAuth auth;
  std::int64_t timeout_ms = 0;          ///< 0: what the call has left
  std::int64_t max_response_bytes = 0;  ///< 0: the host's bound
};
struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
  std::string header(std::string_view name) const { return headerOf(headers, name); }
  bool ok() const noexcept { return status >= 200 && status < 300; }
};

class Call;

class Http {
 public:
  Http(const ccp_http_v1* table, const ccp_call* call) : table_(table), call_(call) {}
  /// Any HTTP status is success; see ccp/abi/host_http.h for what throws.
  HttpResponse send(const HttpRequest& request) const {
    json head = {{"method", request.method}, {"url", request.url}, {"headers", json::array()}};
    for (const auto& [name, value] : request.headers) head["headers"].push_back(json::array({name, value}));
    const HttpAuth& auth = request.auth;
    if (!auth.bearer.empty()) head["auth"] = {{"bearer", auth.bearer}};
    if (!auth.basic_user.empty()) head["auth"] = {{"basic_user", auth.basic_user}};
    if (!auth.header.empty()) head["auth"] = {{"header", auth.header}, {"secret", auth.secret}, {"prefix", auth.prefix}};
    if (request.timeout_ms > 0) head["timeout_ms"] = request.timeout_ms;
    if (request.max_response_bytes > 0) head["max_response_bytes"] = request.max_response_bytes;
    const std::string text = dumpJson(head);
    StringSink head_out, body_out, err(16384);
    const ccp_rc rc = CCP_SDK_FN(table_, send)(table_, call_, toStr(text), toStr(request.body), head_out.raw(), body_out.raw(), err.raw());
    detail::check(rc, "http", err.text());
    const json answer = parseJson(head_out.text());
    HttpResponse response;
    response.status = static_cast<int>(integer(answer, "status"));
    if (const json* headers = member(answer, "headers")) {
      for (const auto& pair : *headers) response.headers.emplace_back(pair.at(0).get<std::string>(), pair.at(1).get<std::string>());
    }
    response.body = std::move(body_out.text());
    return response;
  }

 private:
  const ccp_http_v1* table_;
  const ccp_call* call_;
};

class Crypto {
 public:
  Crypto(const ccp_crypto_v1* table, const ccp_call* call) : table_(table), call_(call) {}
  /// 32 bytes. The key is the secret's bytes as they are, prefix included.
  std::string hmacSha256(std::string_view secret_id, std::string_view message) const {
    return hmac(secret_id, CCP_KEY_RAW, {}, message);
  }
  /// The key is what base64 after `prefix` says ("whsec_" of Standard Webhooks).
  std::string hmacSha256Base64Key(std::string_view secret_id, std::string_view prefix, std::string_view message) const {
    return hmac(secret_id, CCP_KEY_BASE64_AFTER_PREFIX, prefix, message);
  }
  bool ed25519Verify(std::string_view public_key, std::string_view message, std::string_view signature) const {
    return CCP_SDK_FN(table_, ed25519_verify)(table_, toStr(public_key), toStr(message), toStr(signature)) == CCP_RC_OK;
  }
  std::string sha256(std::string_view message) const {
    StringSink out(32);
    detail::check(CCP_SDK_FN(table_, sha256)(table_, toStr(message), out.raw()), "sha256");
    return std::move(out.text());
  }
  std::string random(std::size_t n) const {
    StringSink out(n);
    detail::check(CCP_SDK_FN(table_, random)(table_, n, out.raw()), "random");
    return std::move(out.text());
  }
  /// 64 bytes, signed with the seed that base64 after `prefix` says ("whsk_" of Standard Webhooks). Hosts
  /// of ABI 1.0 answer UNIMPLEMENTED: say min_minor 1 in the manifest.
  std::string ed25519Sign(std::string_view secret_id, std::string_view message, std::string_view prefix = "whsk_",
                          std::int32_t encoding = CCP_KEY_BASE64_AFTER_PREFIX) const {
    StringSink out(64);
    detail::check(CCP_SDK_FN(table_, ed25519_sign)(table_, call_, toStr(secret_id), encoding, toStr(prefix), toStr(message), out.raw()),
                  ("signature with secret " + std::string(secret_id)).c_str());
    return std::move(out.text());
  }
  /// RS256 of JWS with an RSA private key in PEM (GitHub Apps). ABI 1.1 as above.
  std::string rs256Sign(std::string_view secret_id, std::string_view message) const {
    StringSink out(1024);
    detail::check(CCP_SDK_FN(table_, rs256_sign)(table_, call_, toStr(secret_id), toStr(message), out.raw()),
                  ("signature with secret " + std::string(secret_id)).c_str());
    return std::move(out.text());
  }

 private:
  std::string hmac(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message) const {
    StringSink out(32);
    detail::check(CCP_SDK_FN(table_, hmac_sha256)(table_, call_, toStr(id), encoding, toStr(prefix), toStr(message), out.raw()),
                  ("hmac with secret " + std::string(id)).c_str());
    return std::move(out.text());
  }
  const ccp_crypto_v1* table_;
  const ccp_call* call_;
};

class Kv {
 public:
  struct Entry {
    std::string value;
    std::int64_t version = 0;
  };
  Kv(const ccp_kv_v1* table, const ccp_call* call) : table_(table), call_(call) {}
  std::optional<Entry> get(std::string_view key) const {
    StringSink out;
    Entry entry;
    const ccp_rc rc = CCP_SDK_FN(table_, get)(table_, call_, toStr(key), out.raw(), &entry.version);
    if (rc == CCP_RC_NOT_FOUND) return std::nullopt;
    detail::check(rc, "kv get");
    entry.value = std::move(out.text());
    return entry;
  }
  /// Returns the new version; CONFLICT when another version than `expected` is there.
  std::int64_t put(std::string_view key, std::string_view value, std::int64_t expected = CCP_KV_ANY_VERSION,
                   std::int64_t ttl_ms = 0) const {
    std::int64_t version = 0;
    detail::check(CCP_SDK_FN(table_, put)(table_, call_, toStr(key), toStr(value), expected, ttl_ms, &version), "kv put");
    return version;
  }
  void remove(std::string_view key, std::int64_t expected = CCP_KV_ANY_VERSION) const {
    detail::check(CCP_SDK_FN(table_, remove)(table_, call_, toStr(key), expected), "kv remove");
  }

 private:
  const ccp_kv_v1* table_;
  const ccp_call* call_;
};

class Secrets {
 public:
  Secrets(const ccp_secrets_v1* table, const ccp_call* call) : table_(table), call_(call) {}
  /// The value. Prefer Http's auth and Crypto's keys, which never show it.
  std::string get(std::string_view id) const {
    StringSink out(65536);
    detail::check(CCP_SDK_FN(table_, get)(table_, call_, toStr(id), out.raw()), ("secret " + std::string(id)).c_str());
    return std::move(out.text());
  }

 private:
  const ccp_secrets_v1* table_;
  const ccp_call* call_;
};

class Events {
 public:
  Events(const ccp_events_v1* table, const ccp_call* call) : table_(table), call_(call) {}
  void append(std::string_view type, std::string_view subject, const json& data) const {
    const std::string text = dumpJson({{"type", type}, {"subject", subject}, {"data", data}});
    detail::check(CCP_SDK_FN(table_, append)(table_, call_, toStr(text)), "event");
  }

 private:
  const ccp_events_v1* table_;
  const ccp_call* call_;
};

class Metrics {
 public:
  explicit Metrics(const ccp_metrics_v1* table) : table_(table) {}
  std::uint32_t counter(std::string_view name, std::string_view help, const json& labels = json::array()) const {
    return define(CCP_METRIC_COUNTER, name, help, labels);
  }
  std::uint32_t gauge(std::string_view name, std::string_view help, const json& labels = json::array()) const {
    return define(CCP_METRIC_GAUGE, name, help, labels);
  }
  std::uint32_t histogram(std::string_view name, std::string_view help, const json& labels = json::array()) const {
    return define(CCP_METRIC_HISTOGRAM, name, help, labels);
  }
  void record(std::uint32_t handle, double value, const json& labels = json::object()) const {
    const std::string text = dumpJson(labels);
    CCP_SDK_FN(table_, record)(table_, handle, value, toStr(text));
  }

 private:
  std::uint32_t define(std::int32_t kind, std::string_view name, std::string_view help, const json& labels) const {
    std::uint32_t handle = 0;
    const std::string text = dumpJson(labels);
    detail::check(CCP_SDK_FN(table_, define)(table_, kind, toStr(name), toStr(help), toStr(text), &handle), "metric");
    return handle;
  }
  const ccp_metrics_v1* table_;
};

/// The host of one instance. Valid as long as the instance is.
class Host {
 public:
  explicit Host(const ccp_host* raw) noexcept : raw_(raw) {}
  const ccp_host* raw() const noexcept { return raw_; }
  bool has(const char* service_id) const { return find(service_id) != nullptr; }
  /// Whether the host says that it runs in dev mode. A host that says nothing does not.
  bool devMode() const { return raw_ && CCP_HAS(raw_, mode) && std::strcmp(raw_->mode, "dev") == 0; }

  Log log() const { return Log(table<ccp_log_v1>(CCP_LOG_ID, false)); }
  Clock clock() const { return Clock(table<ccp_clock_v1>(CCP_CLOCK_ID, true)); }
  Metrics metrics() const { return Metrics(table<ccp_metrics_v1>(CCP_METRICS_ID, true)); }

  /// A service's table; INTERNAL when it is needed and the host has none. An older host's table is
  /// shorter: what a later minor version appended is asked for with CCP_HAS.
  template <class Table>
  const Table* table(const char* id, bool needed = true) const {
    if (const auto* found = static_cast<const Table*>(find(id))) return found;
    if (!needed) return nullptr;
    throw Error::internal(std::string("the host provides no ") + id + "; list it under `requires`");
  }

 private:
  const void* find(const char* id) const { return raw_ && CCP_HAS(raw_, service) ? raw_->service(raw_, id) : nullptr; }
  const ccp_host* raw_;
};

/// One operation: who waits, how long, for whom; and the services that are bound to it.
class Call {
 public:
  Call(const Host& host, const ccp_call* raw) noexcept : host_(host), raw_(raw) {}
  const ccp_call* raw() const noexcept { return raw_; }
  const Host& host() const noexcept { return host_; }

  std::string requestId() const { return std::string(toView(raw_->request_id)); }
  std::string tenant() const { return std::string(toView(raw_->tenant)); }
  /// Stable across retries; forward it to the provider. May be empty.
  std::string idempotencyKey() const { return std::string(toView(raw_->idempotency_key)); }
  std::uint64_t deadlineMonoNs() const noexcept { return raw_->deadline_mono_ns; }
  bool cancelled() const { return CCP_HAS(raw_, is_cancelled) && raw_->is_cancelled(raw_) != 0; }
  /// For loops: throws CANCELLED when nobody waits any more.
  void throwIfCancelled() const {
    if (cancelled()) throw Error(CCP_RC_CANCELLED, "the caller went away");
  }

  Log log() const { return host_.log(); }
  Clock clock() const { return host_.clock(); }
  Http http() const { return {host_.table<ccp_http_v1>(CCP_HTTP_ID), raw_}; }
  Crypto crypto() const { return {host_.table<ccp_crypto_v1>(CCP_CRYPTO_ID), raw_}; }
  Kv kv() const { return {host_.table<ccp_kv_v1>(CCP_KV_ID), raw_}; }
  Secrets secrets() const { return {host_.table<ccp_secrets_v1>(CCP_SECRETS_ID), raw_}; }
  Events events() const { return {host_.table<ccp_events_v1>(CCP_EVENTS_ID), raw_}; }

 private:
  const Host& host_;
  const ccp_call* raw_;
};

}  // namespace sdk_v1
}  // namespace ccp
