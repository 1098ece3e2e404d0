// The C tables of KitHost: each function finds its host through ctx and does nothing else worth reading.
#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/encoding.hpp"
#include "core/crypto/ed25519.hpp"
#include "core/crypto/hmac.hpp"
#include "core/crypto/rsa.hpp"
#include "sdk/conformance/host/kit_host.hpp"

namespace ccp::kit {

struct KitHost::Services {
  ccp_log_v1 log{};
  ccp_clock_v1 clock{};
  ccp_http_v1 http{};
  ccp_kv_v1 kv{};
  ccp_secrets_v1 secrets{};
  ccp_crypto_v1 crypto{};
  ccp_metrics_v1 metrics{};
  ccp_events_v1 events{};
  ccp_scheduler_v1 scheduler{};
};

namespace {

constexpr std::size_t kMaxLogs = 100000;
constexpr std::size_t kSeedBytes = 32;

template <class Table>
KitHost& self(const Table* table) noexcept {
  return *static_cast<KitHost*>(table->ctx);
}

ccp_rc put(const ccp_sink* sink, std::string_view bytes) noexcept {
  return sink && CCP_HAS(sink, write) ? sink->write(sink, bytes.data(), bytes.size()) : CCP_RC_INVALID_ARGUMENT;
}

ccp_rc classOf(const Error& error) noexcept { return error.code == Errc::forbidden ? CCP_RC_PERMISSION_DENIED : CCP_RC_INVALID_ARGUMENT; }

void collectOrigins(const Json& value, std::set<std::string>& out) {
  if (const auto* text = value.asString()) {
    if (const auto origin = plugin::originOf(*text)) out.insert(*origin);
  }
  for (const auto& item : value.items()) collectOrigins(item, out);
  for (const auto& member : value.members()) collectOrigins(member.second, out);
}

bool isLogEvent(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

}  // namespace

KitHost::KitHost(const Subject& subject, const Json& config) : subject_(subject) {
  if (subject.manifest) origins_.insert(subject.manifest->permissions.egress.begin(), subject.manifest->permissions.egress.end());
  collectOrigins(config, origins_);
  fill();
  shown_ = &host_;
}

KitHost::~KitHost() = default;

void KitHost::fill() {
  services_ = std::make_unique<Services>();
  Services& s = *services_;
  const auto head = [this](auto& table) {
    table.size = sizeof table;
    table.ctx = this;
  };
  head(s.log);
  s.log.write = [](const ccp_log_v1* t, std::int32_t level, ccp_str event, ccp_str fields) noexcept {
    KitHost& host = self(t);
    const auto text = viewOf(fields);
    if (level < CCP_LOG_DEBUG || level > CCP_LOG_ERROR) host.misuse("ccp.log/1: the level " + std::to_string(level) + " does not exist");
    if (!isLogEvent(viewOf(event))) host.misuse("ccp.log/1: the event \"" + std::string(viewOf(event).substr(0, 60)) + "\" is no short snake_case or dotted word");
    if (!text.empty()) {
      const auto parsed = parseJson(text, {std::size_t{4} << 20, 64});
      if (!parsed || !parsed->isObject()) host.misuse("ccp.log/1: the fields of " + std::string(viewOf(event).substr(0, 60)) + " are no JSON object");
    }
    const std::lock_guard lock(host.mutex_);
    if (host.logs_.size() < kMaxLogs) host.logs_.push_back({level, std::string(viewOf(event)), std::string(text)});
  };
  head(s.clock);
  s.clock.wall_us = [](const ccp_clock_v1* t) noexcept { return self(t).wallUs(); };
  s.clock.mono_ns = [](const ccp_clock_v1* t) noexcept -> std::uint64_t { return self(t).clock_.monotonicNs(); };
  head(s.http);
  s.http.send = [](const ccp_http_v1* t, const ccp_call* call, ccp_str h, ccp_str body, const ccp_sink* ho, const ccp_sink* bo, const ccp_sink* err) noexcept -> ccp_rc {
    return self(t).mayCall(CCP_HTTP_ID) ? self(t).sendHttp(call, viewOf(h), viewOf(body), ho, bo, err) : CCP_RC_PERMISSION_DENIED;
  };
  head(s.kv);
  s.kv.get = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, const ccp_sink* out, std::int64_t* version) noexcept -> ccp_rc {
    KitHost& host = self(t);
    if (!host.mayCall(CCP_KV_ID)) return CCP_RC_PERMISSION_DENIED;
    const std::lock_guard lock(host.mutex_);
    const auto at = host.kv_.find(std::string(viewOf(key)));
    if (at == host.kv_.end()) return CCP_RC_NOT_FOUND;
    if (version) *version = at->second.version;
    return put(out, at->second.value);
  };
  s.kv.put = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, ccp_str value, std::int64_t expected, std::int64_t, std::int64_t* version) noexcept -> ccp_rc {
    return self(t).mayCall(CCP_KV_ID) ? self(t).putKv(viewOf(key), viewOf(value), expected, version) : CCP_RC_PERMISSION_DENIED;
  };
  s.kv.remove = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, std::int64_t expected) noexcept -> ccp_rc {
    KitHost& host = self(t);
    if (!host.mayCall(CCP_KV_ID)) return CCP_RC_PERMISSION_DENIED;
    const std::lock_guard lock(host.mutex_);
    const auto at = host.kv_.find(std::string(viewOf(key)));
    const std::int64_t version = at == host.kv_.end() ? 0 : at->second.version;
    if (expected != CCP_KV_ANY_VERSION && expected != version) return CCP_RC_CONFLICT;
    if (at != host.kv_.end()) host.kv_.erase(at);
    return CCP_RC_OK;
  };
  head(s.secrets);
  s.secrets.get = [](const ccp_secrets_v1* t, const ccp_call*, ccp_str id, const ccp_sink* out) noexcept -> ccp_rc {
    if (!self(t).mayCall(CCP_SECRETS_ID)) return CCP_RC_PERMISSION_DENIED;
    const auto value = self(t).secret(viewOf(id));
    return value ? put(out, *value) : classOf(value.error());
  };
  head(s.crypto);
  s.crypto.hmac_sha256 = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    if (!self(t).inCall(CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;  // a keyed digest is pure: no effect
    const auto key = self(t).keyOf(viewOf(id), encoding, viewOf(prefix));
    if (!key) return classOf(key.error());
    const auto mac = crypto::hmacSha256(bytesOf(*key), bytesOf(viewOf(message)));
    return put(out, textOf(mac));
  };
  s.crypto.ed25519_verify = [](const ccp_crypto_v1*, ccp_str key, ccp_str message, ccp_str signature) noexcept -> ccp_rc {
    if (key.len != kSeedBytes || signature.len != 2 * kSeedBytes) return CCP_RC_UNAUTHENTICATED;
    const auto parsed = crypto::publicKeyFromJwk(Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64UrlEncode(bytesOf(viewOf(key)))}}));
    return parsed && crypto::verifySignature(*parsed, bytesOf(viewOf(message)), bytesOf(viewOf(signature))) ? CCP_RC_OK : CCP_RC_UNAUTHENTICATED;
  };
  s.crypto.sha256 = [](const ccp_crypto_v1*, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    const Sha256 digest = ccp::sha256(bytesOf(viewOf(message)));
    return put(out, textOf(digest));
  };
  s.crypto.random = [](const ccp_crypto_v1* t, std::size_t len, const ccp_sink* out) noexcept -> ccp_rc {
    if (len > 4096) return CCP_RC_INVALID_ARGUMENT;
    const Bytes bytes = self(t).random_.bytes(len);
    return put(out, textOf(bytes));
  };
  s.crypto.ed25519_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    if (!self(t).inCall(CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;
    auto key = self(t).keyOf(viewOf(id), encoding, viewOf(prefix));
    if (!key) return classOf(key.error());
    // Whatever the secret is, the kit signs: what is tested is the plugin, not the operator's key.
    if (key->size() != kSeedBytes) key = std::string(textOf(ccp::sha256(bytesOf(*key))));
    const auto signing = crypto::SigningKey::fromSeed(bytesOf(*key));
    if (!signing) return CCP_RC_INVALID_ARGUMENT;
    const auto signature = signing->sign(bytesOf(viewOf(message)));
    return put(out, textOf(signature));
  };
  s.crypto.rs256_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    if (!self(t).inCall(CCP_CRYPTO_ID)) return CCP_RC_PERMISSION_DENIED;
    const auto pem = self(t).secret(viewOf(id));
    if (!pem) return classOf(pem.error());
    const auto signature = crypto::signRs256(SecretBytes(std::string_view(*pem)), bytesOf(viewOf(message)));
    return signature ? put(out, textOf(*signature)) : CCP_RC_INVALID_ARGUMENT;
  };
  head(s.metrics);
  s.metrics.define = [](const ccp_metrics_v1* t, std::int32_t, ccp_str name, ccp_str, ccp_str labels, std::uint32_t* handle) noexcept -> ccp_rc {
    return self(t).defineMetric(viewOf(name), viewOf(labels), handle);
  };
  s.metrics.record = [](const ccp_metrics_v1*, std::uint32_t, double, ccp_str) noexcept {};
  head(s.events);
  s.events.append = [](const ccp_events_v1* t, const ccp_call*, ccp_str event) noexcept -> ccp_rc {
    return self(t).mayCall(CCP_EVENTS_ID) ? self(t).appendEvent(viewOf(event)) : CCP_RC_PERMISSION_DENIED;
  };
  head(s.scheduler);
  s.scheduler.every = [](const ccp_scheduler_v1* t, const ccp_call*, ccp_str name, std::int64_t interval_ms, ccp_op tick) noexcept -> ccp_rc {
    KitHost& host = self(t);
    if (!host.mayCall(CCP_SCHEDULER_ID)) return CCP_RC_PERMISSION_DENIED;
    if (interval_ms < 1000 || name.len == 0 || !tick) {
      host.misuse("ccp.scheduler/1: a tick needs a name, a function and at least 1000 ms; the plugin asked for " + std::to_string(interval_ms));
      return CCP_RC_INVALID_ARGUMENT;
    }
    const std::lock_guard lock(host.mutex_);
    if (host.ticks_.size() < 1000) host.ticks_.push_back({std::string(viewOf(name)), interval_ms, tick});
    return CCP_RC_OK;
  };
  host_ = {sizeof(ccp_host), CCP_ABI_MAJOR, CCP_ABI_MINOR, this, "ccp-plugin-check", CCP_VERSION, &KitHost::find, "dev"};
}

const void* KitHost::find(const ccp_host* raw, const char* id) noexcept {
  KitHost& host = *static_cast<KitHost*>(raw->ctx);
  if (!id || host.missing.count(id) != 0) return nullptr;
  const std::string_view wanted = id;
  const auto listed = [&](const std::vector<std::string>& ids) { return std::find(ids.begin(), ids.end(), wanted) != ids.end(); };
  const auto& manifest = host.subject_.manifest;
  if (wanted != CCP_LOG_ID && wanted != CCP_CLOCK_ID && !(manifest && (listed(manifest->required_services) || listed(manifest->optional_services)))) return nullptr;
  if (const auto at = host.guarded_.find(wanted); at != host.guarded_.end()) return at->second->get();
  const Services& s = *host.services_;
  const std::array<std::pair<std::string_view, const void*>, 9> all = {{{CCP_LOG_ID, &s.log}, {CCP_CLOCK_ID, &s.clock}, {CCP_HTTP_ID, &s.http},
                                                                        {CCP_KV_ID, &s.kv}, {CCP_SECRETS_ID, &s.secrets}, {CCP_CRYPTO_ID, &s.crypto},
                                                                        {CCP_METRICS_ID, &s.metrics}, {CCP_EVENTS_ID, &s.events}, {CCP_SCHEDULER_ID, &s.scheduler}}};
  for (const auto& [name, table] : all) {
    if (name == wanted) return table;
  }
  return nullptr;
}

}  // namespace ccp::kit
