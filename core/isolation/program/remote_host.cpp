#include "core/isolation/program/remote_host.hpp"

#include <sodium.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <ctime>
#include <type_traits>

#include "core/base/encoding.hpp"
#include "core/base/json.hpp"
#include "core/crypto/ed25519.hpp"

namespace ccp::isolation {
namespace {

constexpr std::size_t kMaxRandom = 4096;

std::string_view viewOf(ccp_str s) noexcept { return s.ptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

ccp_rc writeTo(const ccp_sink* sink, std::string_view bytes) noexcept {
  if (!sink || !CCP_HAS(sink, write)) return CCP_RC_INVALID_ARGUMENT;
  return sink->write(sink, bytes.data(), bytes.size());
}

/// No exception of ours crosses into the plugin.
template <class F>
ccp_rc guard(F&& fn) noexcept {
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    return CCP_RC_RESOURCE_EXHAUSTED;
  } catch (...) {
    return CCP_RC_INTERNAL;
  }
}

template <class Table>
RemoteHost& hostOf(const Table* table) noexcept {
  return *static_cast<RemoteHost*>(table->ctx);
}

std::uint64_t clockNs(clockid_t id) noexcept {
  timespec t{};
  ::clock_gettime(id, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

}  // namespace

RemoteHost::RemoteHost(const Hello& hello, Link& link) : hello_(hello), link_(link) {
  makeLogAndMetrics();
  makeClock();
  makeStorage();
  makeCrypto();
  makeHttp();
  makeEventsAndScheduler();
  host_ = {static_cast<std::uint32_t>(std::min<std::size_t>(sizeof(ccp_host), hello_.host_bytes)),
           static_cast<std::uint16_t>(hello_.abi_major),
           static_cast<std::uint16_t>(hello_.abi_minor),
           this,
           hello_.host_name.c_str(),
           hello_.host_version.c_str(),
           [](const ccp_host* self, const char* id) noexcept -> const void* { return id ? hostOf(self).service(id) : nullptr; },
           hello_.mode.empty() ? nullptr : hello_.mode.c_str()};
}

const void* RemoteHost::service(std::string_view id) const {
  const std::array<std::pair<std::string_view, const void*>, 9> all = {{{CCP_LOG_ID, &log_},
                                                                        {CCP_CLOCK_ID, &clock_},
                                                                        {CCP_HTTP_ID, &http_},
                                                                        {CCP_KV_ID, &kv_},
                                                                        {CCP_SECRETS_ID, &secrets_},
                                                                        {CCP_CRYPTO_ID, &crypto_},
                                                                        {CCP_METRICS_ID, &metrics_},
                                                                        {CCP_EVENTS_ID, &events_},
                                                                        {CCP_SCHEDULER_ID, &scheduler_}}};
  const auto given = std::find_if(hello_.services.begin(), hello_.services.end(), [id](const auto& s) { return s.first == id; });
  if (given == hello_.services.end()) return nullptr;
  for (const auto& [name, table] : all) {
    if (name == id) return table;
  }
  return nullptr;
}

void RemoteHost::setClock(std::int64_t mono_offset_ns, std::int64_t wall_offset_us) noexcept {
  mono_offset_ns_.store(mono_offset_ns, std::memory_order_relaxed);
  wall_offset_us_.store(wall_offset_us, std::memory_order_relaxed);
}

std::uint64_t RemoteHost::monoNs() noexcept {
  const std::uint64_t now = clockNs(CLOCK_MONOTONIC) + static_cast<std::uint64_t>(mono_offset_ns_.load(std::memory_order_relaxed));
  // A test's clock may stand still while the machine's runs: the next offset would step back.
  std::uint64_t seen = mono_seen_.load(std::memory_order_relaxed);
  while (now > seen) {
    if (mono_seen_.compare_exchange_weak(seen, now, std::memory_order_relaxed)) return now;
  }
  return seen;
}

ccp_op RemoteHost::tick(const std::string& name) {
  const std::lock_guard lock(ticks_mutex_);
  const auto at = ticks_.find(name);
  return at == ticks_.end() ? nullptr : at->second;
}

void RemoteHost::makeLogAndMetrics() {
  const auto size = [this]<class Table>(const Table& table, const char* id) {
    // A host that is older than this program has shorter tables; the plugin sees what the host has.
    for (const auto& [name, bytes] : hello_.services) {
      if (name == id) return static_cast<std::uint32_t>(std::min<std::size_t>(sizeof table, bytes));
    }
    return static_cast<std::uint32_t>(sizeof table);
  };
  log_.size = size(log_, CCP_LOG_ID);
  clock_.size = size(clock_, CCP_CLOCK_ID);
  http_.size = size(http_, CCP_HTTP_ID);
  kv_.size = size(kv_, CCP_KV_ID);
  secrets_.size = size(secrets_, CCP_SECRETS_ID);
  crypto_.size = size(crypto_, CCP_CRYPTO_ID);
  metrics_.size = size(metrics_, CCP_METRICS_ID);
  events_.size = size(events_, CCP_EVENTS_ID);
  scheduler_.size = size(scheduler_, CCP_SCHEDULER_ID);
  log_.ctx = clock_.ctx = http_.ctx = kv_.ctx = secrets_.ctx = crypto_.ctx = metrics_.ctx = events_.ctx = scheduler_.ctx = this;

  log_.write = [](const ccp_log_v1* t, std::int32_t level, ccp_str event, ccp_str fields) noexcept {
    hostOf(t).link_.tell({Method::log_write, {level, 0}, {viewOf(event), viewOf(fields), {}}});
  };
  metrics_.define = [](const ccp_metrics_v1* t, std::int32_t kind, ccp_str name, ccp_str help, ccp_str labels, std::uint32_t* handle) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      if (!handle) return CCP_RC_INVALID_ARGUMENT;
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::metrics_define, {kind, 0}, {viewOf(name), viewOf(help), viewOf(labels)}}, storage);
      if (result.rc == CCP_RC_OK) *handle = static_cast<std::uint32_t>(result.value);
      return result.rc;
    });
  };
  metrics_.record = [](const ccp_metrics_v1* t, std::uint32_t handle, double value, ccp_str labels) noexcept {
    hostOf(t).link_.tell({Method::metrics_record, {handle, std::bit_cast<std::int64_t>(value)}, {viewOf(labels), {}, {}}});
  };
}

void RemoteHost::makeClock() {
  clock_.wall_us = [](const ccp_clock_v1* t) noexcept -> std::int64_t {
    return static_cast<std::int64_t>(clockNs(CLOCK_REALTIME) / 1000) + hostOf(t).wall_offset_us_.load(std::memory_order_relaxed);
  };
  clock_.mono_ns = [](const ccp_clock_v1* t) noexcept -> std::uint64_t { return hostOf(t).monoNs(); };
}

void RemoteHost::makeStorage() {
  kv_.get = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, const ccp_sink* out, std::int64_t* version) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::kv_get, {}, {viewOf(key), {}, {}}}, storage);
      if (result.rc != CCP_RC_OK) return result.rc;
      if (version) *version = result.value;
      return writeTo(out, result.texts[0]);
    });
  };
  kv_.put = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, ccp_str value, std::int64_t expected, std::int64_t ttl_ms, std::int64_t* version) noexcept
      -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::kv_put, {expected, ttl_ms}, {viewOf(key), viewOf(value), {}}}, storage);
      if (result.rc == CCP_RC_OK && version) *version = result.value;
      return result.rc;
    });
  };
  kv_.remove = [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, std::int64_t expected) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      return hostOf(t).link_.ask({Method::kv_remove, {expected, 0}, {viewOf(key), {}, {}}}, storage).rc;
    });
  };
  secrets_.get = [](const ccp_secrets_v1* t, const ccp_call*, ccp_str id, const ccp_sink* out) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::secrets_get, {}, {viewOf(id), {}, {}}}, storage);
      const ccp_rc rc = result.rc == CCP_RC_OK ? writeTo(out, result.texts[0]) : result.rc;
      ::sodium_memzero(storage.data(), storage.size());
      return rc;
    });
  };
}

void RemoteHost::makeCrypto() {
  crypto_.hmac_sha256 = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message,
                           const ccp_sink* out) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::crypto_hmac, {encoding, 0}, {viewOf(id), viewOf(prefix), viewOf(message)}}, storage);
      return result.rc == CCP_RC_OK ? writeTo(out, result.texts[0]) : result.rc;
    });
  };
  crypto_.ed25519_verify = [](const ccp_crypto_v1*, ccp_str public_key, ccp_str message, ccp_str signature) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      if (public_key.len != 32 || signature.len != 64) return CCP_RC_UNAUTHENTICATED;
      // Through the JWK form, which refuses low-order and non-canonical points, as in process.
      const auto key = crypto::publicKeyFromJwk(
          Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64UrlEncode(bytesOf(viewOf(public_key)))}}));
      return key && crypto::verifySignature(*key, bytesOf(viewOf(message)), bytesOf(viewOf(signature))) ? CCP_RC_OK : CCP_RC_UNAUTHENTICATED;
    });
  };
  crypto_.sha256 = [](const ccp_crypto_v1*, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      const Sha256 digest = sha256(bytesOf(viewOf(message)));
      return writeTo(out, textOf(digest));
    });
  };
  crypto_.random = [](const ccp_crypto_v1*, std::size_t len, const ccp_sink* out) noexcept -> ccp_rc {
    if (len > kMaxRandom) return CCP_RC_INVALID_ARGUMENT;
    std::array<char, kMaxRandom> bytes;
    std::size_t done = 0;
    while (done < len) {
      const ssize_t n = ::getrandom(bytes.data() + done, len - done, 0);
      if (n < 0) return CCP_RC_UNAVAILABLE;
      done += static_cast<std::size_t>(n);
    }
    return writeTo(out, {bytes.data(), len});
  };
  crypto_.ed25519_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, std::int32_t encoding, ccp_str prefix, ccp_str message,
                            const ccp_sink* out) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::crypto_ed25519, {encoding, 0}, {viewOf(id), viewOf(prefix), viewOf(message)}}, storage);
      return result.rc == CCP_RC_OK ? writeTo(out, result.texts[0]) : result.rc;
    });
  };
  crypto_.rs256_sign = [](const ccp_crypto_v1* t, const ccp_call*, ccp_str id, ccp_str message, const ccp_sink* out) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::crypto_rs256, {}, {viewOf(id), viewOf(message), {}}}, storage);
      return result.rc == CCP_RC_OK ? writeTo(out, result.texts[0]) : result.rc;
    });
  };
}

void RemoteHost::makeHttp() {
  http_.send = [](const ccp_http_v1* t, const ccp_call*, ccp_str head, ccp_str body, const ccp_sink* head_out, const ccp_sink* body_out,
                  const ccp_sink* err) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      const auto result = hostOf(t).link_.ask({Method::http_send, {}, {viewOf(head), viewOf(body), {}}}, storage);
      if (err && !result.texts[2].empty()) writeTo(err, result.texts[2]);
      if (result.rc != CCP_RC_OK) return result.rc;
      if (const ccp_rc rc = writeTo(head_out, result.texts[0]); rc != CCP_RC_OK) return rc;
      return writeTo(body_out, result.texts[1]);
    });
  };
}

void RemoteHost::makeEventsAndScheduler() {
  events_.append = [](const ccp_events_v1* t, const ccp_call*, ccp_str event) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      std::string storage;
      return hostOf(t).link_.ask({Method::events_append, {}, {viewOf(event), {}, {}}}, storage).rc;
    });
  };
  scheduler_.every = [](const ccp_scheduler_v1* t, const ccp_call*, ccp_str name, std::int64_t interval_ms, ccp_op op) noexcept -> ccp_rc {
    return guard([&]() -> ccp_rc {
      if (!op) return CCP_RC_INVALID_ARGUMENT;
      auto& self = hostOf(t);
      std::string storage;
      const ccp_rc rc = self.link_.ask({Method::scheduler_every, {interval_ms, 0}, {viewOf(name), {}, {}}}, storage).rc;
      if (rc == CCP_RC_OK) {
        const std::lock_guard lock(self.ticks_mutex_);
        self.ticks_[std::string(viewOf(name))] = op;
      }
      return rc;
    });
  };
}

}  // namespace ccp::isolation
