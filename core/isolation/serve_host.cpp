#include "core/isolation/serve_host.hpp"

#include <sodium.h>

#include <bit>
#include <cstring>

#include "ccp/abi/host.h"

namespace ccp::isolation {
namespace {

ccp_str strOf(std::string_view text) noexcept { return {text.data(), text.size()}; }

/// Collects what a service writes; all outputs of one host call share the cap.
struct Collector {
  ccp_sink sink{};
  std::string text;
  std::size_t* left = nullptr;

  explicit Collector(std::size_t& budget) : left(&budget) { sink = {sizeof sink, 0, this, &Collector::append}; }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  /// A secret may have passed through.
  ~Collector() { ::sodium_memzero(text.data(), text.size()); }
  static ccp_rc append(const ccp_sink* sink, const void* data, std::size_t len) noexcept {
    auto& self = *static_cast<Collector*>(sink->ctx);
    if (len > *self.left) return CCP_RC_RESOURCE_EXHAUSTED;
    try {
      self.text.append(static_cast<const char*>(data), len);
    } catch (...) {
      return CCP_RC_RESOURCE_EXHAUSTED;
    }
    *self.left -= len;
    return CCP_RC_OK;
  }
};

template <class Table>
const Table* tableOf(const ccp_host* host, const char* id) {
  return static_cast<const Table*>(host->service(host, id));
}

/// Never called: ticks of a plugin in its own process are asked for by name.
ccp_rc notHere(ccp_instance*, const ccp_call*, ccp_str) { return CCP_RC_INTERNAL; }

#define CCP_SERVICE(Table, id, function)                             \
  const auto* t = tableOf<Table>(host, id);                          \
  if (!t || !CCP_HAS(t, function)) {                                 \
    result.rc = CCP_RC_UNIMPLEMENTED;                                \
    break;                                                           \
  }

std::string serve(const ccp_host* host, const ccp_call* call, const HostCall& q) {
  HostResult result;
  std::size_t budget = kHostOutBytes;
  Collector first(budget), second(budget), err(budget);
  switch (q.method) {
    case Method::log_write: {
      CCP_SERVICE(ccp_log_v1, CCP_LOG_ID, write)
      t->write(t, static_cast<std::int32_t>(q.ints[0]), strOf(q.texts[0]), strOf(q.texts[1]));
      result.rc = CCP_RC_OK;
      break;
    }
    case Method::metrics_define: {
      CCP_SERVICE(ccp_metrics_v1, CCP_METRICS_ID, define)
      std::uint32_t handle = 0;
      result.rc = t->define(t, static_cast<std::int32_t>(q.ints[0]), strOf(q.texts[0]), strOf(q.texts[1]), strOf(q.texts[2]), &handle);
      result.value = handle;
      break;
    }
    case Method::metrics_record: {
      CCP_SERVICE(ccp_metrics_v1, CCP_METRICS_ID, record)
      t->record(t, static_cast<std::uint32_t>(q.ints[0]), std::bit_cast<double>(q.ints[1]), strOf(q.texts[0]));
      result.rc = CCP_RC_OK;
      break;
    }
    case Method::http_send: {
      CCP_SERVICE(ccp_http_v1, CCP_HTTP_ID, send)
      result.rc = t->send(t, call, strOf(q.texts[0]), strOf(q.texts[1]), &first.sink, &second.sink, &err.sink);
      break;
    }
    case Method::kv_get: {
      CCP_SERVICE(ccp_kv_v1, CCP_KV_ID, get)
      result.rc = t->get(t, call, strOf(q.texts[0]), &first.sink, &result.value);
      break;
    }
    case Method::kv_put: {
      CCP_SERVICE(ccp_kv_v1, CCP_KV_ID, put)
      result.rc = t->put(t, call, strOf(q.texts[0]), strOf(q.texts[1]), q.ints[0], q.ints[1], &result.value);
      break;
    }
    case Method::kv_remove: {
      CCP_SERVICE(ccp_kv_v1, CCP_KV_ID, remove)
      result.rc = t->remove(t, call, strOf(q.texts[0]), q.ints[0]);
      break;
    }
    case Method::secrets_get: {
      CCP_SERVICE(ccp_secrets_v1, CCP_SECRETS_ID, get)
      result.rc = t->get(t, call, strOf(q.texts[0]), &first.sink);
      break;
    }
    case Method::crypto_hmac: {
      CCP_SERVICE(ccp_crypto_v1, CCP_CRYPTO_ID, hmac_sha256)
      result.rc = t->hmac_sha256(t, call, strOf(q.texts[0]), static_cast<std::int32_t>(q.ints[0]), strOf(q.texts[1]), strOf(q.texts[2]), &first.sink);
      break;
    }
    case Method::crypto_ed25519: {
      CCP_SERVICE(ccp_crypto_v1, CCP_CRYPTO_ID, ed25519_sign)
      result.rc = t->ed25519_sign(t, call, strOf(q.texts[0]), static_cast<std::int32_t>(q.ints[0]), strOf(q.texts[1]), strOf(q.texts[2]), &first.sink);
      break;
    }
    case Method::crypto_rs256: {
      CCP_SERVICE(ccp_crypto_v1, CCP_CRYPTO_ID, rs256_sign)
      result.rc = t->rs256_sign(t, call, strOf(q.texts[0]), strOf(q.texts[1]), &first.sink);
      break;
    }
    case Method::events_append: {
      CCP_SERVICE(ccp_events_v1, CCP_EVENTS_ID, append)
      result.rc = t->append(t, call, strOf(q.texts[0]));
      break;
    }
    case Method::scheduler_every: {
      CCP_SERVICE(ccp_scheduler_v1, CCP_SCHEDULER_ID, every)
      result.rc = t->every(t, call, strOf(q.texts[0]), q.ints[0], &notHere);
      break;
    }
  }
  result.texts = {first.text, second.text, err.text};
  return encode(result);
}
#undef CCP_SERVICE

}  // namespace

std::vector<std::pair<std::string, std::uint32_t>> servicesOf(const ccp_host* host) {
  std::vector<std::pair<std::string, std::uint32_t>> out;
  for (const char* id : {CCP_LOG_ID, CCP_CLOCK_ID, CCP_HTTP_ID, CCP_KV_ID, CCP_SECRETS_ID, CCP_CRYPTO_ID, CCP_METRICS_ID, CCP_EVENTS_ID, CCP_SCHEDULER_ID}) {
    const void* table = host->service(host, id);
    if (!table) continue;
    std::uint32_t size = 0;
    std::memcpy(&size, table, sizeof size);  // every table begins with it
    out.emplace_back(id, size);
  }
  return out;
}

std::string serveHost(const ccp_host* host, const ccp_call* call, const HostCall& request) noexcept {
  try {
    return serve(host, call, request);
  } catch (...) {
    HostResult failed;
    failed.rc = CCP_RC_RESOURCE_EXHAUSTED;
    return encode(failed);
  }
}

}  // namespace ccp::isolation
