// The host services of one instance: each owns its sized C table, whose ctx points back to it.
// Constructed before the plugin's instance, destroyed after it. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "ccp/abi/host.h"
#include "core/plugin/host_services/context.hpp"

namespace ccp::plugin {

class LogService {
 public:
  LogService(const HostContext& host, const InstanceGrants& grants);
  const ccp_log_v1* table() const noexcept { return &table_; }

 private:
  void write(std::int32_t level, std::string_view event, std::string_view fields);
  bool admit();
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_log_v1 table_{};
  std::mutex mutex_;
  std::uint64_t second_ = 0;
  int lines_ = 0;
};

class ClockService {
 public:
  explicit ClockService(const HostContext& host);
  const ccp_clock_v1* table() const noexcept { return &table_; }

 private:
  const HostContext& host_;
  ccp_clock_v1 table_{};
};

class HttpService {
 public:
  HttpService(const HostContext& host, const InstanceGrants& grants);
  const ccp_http_v1* table() const noexcept { return &table_; }

 private:
  Result<net::HttpResponse> send(const CallFrame& frame, std::string_view head, std::string_view body);
  Status attachSecret(const Json& auth, const std::string& origin, net::HttpRequest& request);
  Status bindSecret(const std::string& id, const std::string& origin);
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_http_v1 table_{};
  std::set<std::string> allowed_;  ///< origins
  std::mutex mutex_;
  std::map<std::string, std::string> bound_;  ///< secret id -> the one origin it goes to
};

class KvService {
 public:
  KvService(const HostContext& host, const InstanceGrants& grants);
  const ccp_kv_v1* table() const noexcept { return &table_; }

 private:
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_kv_v1 table_{};
};

class SecretsService {
 public:
  SecretsService(const HostContext& host, const InstanceGrants& grants);
  const ccp_secrets_v1* table() const noexcept { return &table_; }

 private:
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_secrets_v1 table_{};
};

class CryptoService {
 public:
  CryptoService(const HostContext& host, const InstanceGrants& grants);
  const ccp_crypto_v1* table() const noexcept { return &table_; }

 private:
  ccp_rc hmac(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message, const ccp_sink* out) const;
  ccp_rc signEd25519(std::string_view id, std::int32_t encoding, std::string_view prefix, std::string_view message, const ccp_sink* out) const;
  ccp_rc signRs256(std::string_view id, std::string_view message, const ccp_sink* out) const;
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_crypto_v1 table_{};
};

class MetricsService {
 public:
  MetricsService(const HostContext& host, const InstanceGrants& grants);
  const ccp_metrics_v1* table() const noexcept { return &table_; }
  /// A process that was restarted defines its metrics once more and finds them as they were.
  void restarted();

 private:
  struct Metric {
    std::int32_t kind = 0;
    std::string name;
    std::string help;
    std::vector<std::string> labels;
    std::set<Labels> seen;  ///< label sets in use, bounded
    bool defined = true;    ///< by the process that runs now
  };
  ccp_rc define(std::int32_t kind, std::string_view name, std::string_view help, std::string_view labels, std::uint32_t* handle);
  void record(std::uint32_t handle, double value, std::string_view labels);
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_metrics_v1 table_{};
  std::mutex mutex_;
  std::vector<Metric> metrics_;
};

class EventsService {
 public:
  EventsService(const HostContext& host, const InstanceGrants& grants);
  const ccp_events_v1* table() const noexcept { return &table_; }

 private:
  Status append(const CallFrame& frame, std::string_view event);
  const HostContext& host_;
  const InstanceGrants& grants_;
  ccp_events_v1 table_{};
};

/// Periodic work as the plugin asked for it in start(); the Ticker runs it, by name.
class SchedulerService {
 public:
  struct Tick {
    std::string name;
    Duration interval{};
  };
  explicit SchedulerService(const InstanceGrants& grants);
  const ccp_scheduler_v1* table() const noexcept { return &table_; }
  /// Registration is open during start() only. Opening it again forgets what was registered: a process
  /// that was restarted runs start() once more.
  void open(bool is_open);
  std::vector<Tick> ticks() const;
  /// The function behind a tick, in the address space of whoever registered it; nullptr when unknown.
  ccp_op find(std::string_view name) const;

 private:
  ccp_rc every(std::string_view name, std::int64_t interval_ms, ccp_op tick);
  const InstanceGrants& grants_;
  ccp_scheduler_v1 table_{};
  mutable std::mutex mutex_;
  bool open_ = false;
  struct Entry {
    Tick tick;
    ccp_op op = nullptr;
  };
  std::vector<Entry> entries_;
};

/// The ccp_host of one instance: log and clock always, the rest as its manifest lists.
class HostServices {
 public:
  HostServices(const HostContext& host, InstanceGrants grants);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;
  const ccp_host* table() const noexcept { return &table_; }
  const InstanceGrants& grants() const noexcept { return grants_; }
  SchedulerService& scheduler() noexcept { return scheduler_; }
  /// The plugin starts over in a new process.
  void restarted() { metrics_.restarted(); }

 private:
  const void* find(std::string_view id) const;
  const HostContext& host_;
  InstanceGrants grants_;
  LogService log_;
  ClockService clock_;
  HttpService http_;
  KvService kv_;
  SecretsService secrets_;
  CryptoService crypto_;
  MetricsService metrics_;
  EventsService events_;
  SchedulerService scheduler_;
  ccp_host table_{};
};

}  // namespace ccp::plugin
