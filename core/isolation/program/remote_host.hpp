// The ccp_host that a plugin meets in a process of its own. Services that only compute (clock, sha256,
// ed25519_verify, random) run here; log lines and measurements are sent and forgotten; everything else is
// asked of the parent, on behalf of the call that runs on the thread.
// Threads: any thread of the process, as the tags of the ABI allow.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "ccp/abi/host.h"
#include "core/isolation/channel.hpp"
#include "core/isolation/wire.hpp"

namespace ccp::isolation {

/// One call that the plugin runs, on the stack of its thread. current() is how a service knows who asks.
class RunningCall {
 public:
  explicit RunningCall(std::uint64_t id);
  ~RunningCall();
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
  static RunningCall* current() noexcept;

  const std::uint64_t id;
  std::atomic<bool> cancelled{false};

 private:
  friend class Link;
  RunningCall* const outer_;
  std::uint64_t sequence_ = 0;
  bool answered_ = false;
  std::string answer_;
  std::condition_variable came_;
};

/// The socket to the parent, and the calls that wait for something from it.
class Link {
 public:
  explicit Link(int socket) : socket_(socket) {}
  void send(Kind kind, std::uint64_t call, std::uint64_t sequence, std::string_view body);
  /// Asks the parent and waits. PERMISSION_DENIED without a call on this thread. Views of the result live
  /// in `storage`.
  HostResult ask(const HostCall& call, std::string& storage);
  /// Tells the parent; dropped when it does not read.
  void tell(const HostCall& call) noexcept;
  void enter(RunningCall& call);
  void leave(RunningCall& call);
  /// Of the thread that reads the socket. A host_result that nobody waits for is dropped.
  void deliver(Frame frame);
  void cancel(std::uint64_t call);

 private:
  const int socket_;
  std::mutex mutex_;
  std::map<std::uint64_t, RunningCall*> running_;
};

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
