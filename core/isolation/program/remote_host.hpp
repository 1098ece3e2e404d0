// The ccp_host that a plugin meets in a process of its own. Services that only compute (clock, sha256,
// ed25519_verify, random) run here; log lines and measurements are sent and forgotten; everything else is
// asked of the parent, on behalf of the call that runs on the thread.
// Threads: any thread of the process, as the tags of the ABI allow.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "ccp/abi/host.h"
#include "core/isolation/program/link.hpp"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {

class RemoteHost {
 public:
  RemoteHost(const Hello& hello, Link& link);
  RemoteHost(const RemoteHost&) = delete;
  RemoteHost& operator=(const RemoteHost&) = delete;

  const ccp_host* table() const noexcept { return &host_; }
  /// The host's clocks less the machine's; comes with every call.
  void setClock(std::int64_t mono_offset_ns, std::int64_t wall_offset_us) noexcept;
  std::uint64_t monoNs() noexcept;
  /// What the plugin registered with ccp.scheduler/1; nullptr when it did not.
  ccp_op tick(const std::string& name);

 private:
  const void* service(std::string_view id) const;
  void makeLogAndMetrics();
  void makeClock();
  void makeStorage();
  void makeCrypto();
  void makeHttp();
  void makeEventsAndScheduler();

  Hello hello_;
  Link& link_;
  std::atomic<std::int64_t> mono_offset_ns_{0}, wall_offset_us_{0};
  std::atomic<std::uint64_t> mono_seen_{0};
  std::mutex ticks_mutex_;
  std::map<std::string, ccp_op> ticks_;

  ccp_log_v1 log_{};
  ccp_clock_v1 clock_{};
  ccp_http_v1 http_{};
  ccp_kv_v1 kv_{};
  ccp_secrets_v1 secrets_{};
  ccp_crypto_v1 crypto_{};
  ccp_metrics_v1 metrics_{};
  ccp_events_v1 events_{};
  ccp_scheduler_v1 scheduler_{};
  ccp_host host_{};
};

}  // namespace ccp::isolation
