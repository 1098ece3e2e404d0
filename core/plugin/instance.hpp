// One configured use of a plugin: its state machine (architecture 2.1) and every call into it.
//   created → configured → ready ⇄ degraded → draining → stopped; failed from anywhere before ready.
// Operations run on the worker pool. One that overruns its deadline is abandoned: its caller gets
// deadline_exceeded, the instance is out of service until the call returns, its thread is counted.
// Threads: start() and stop() on the host's thread; call(), health() and info() on any.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/plugin/call_frame.hpp"
#include "core/plugin/facades/call_context.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/worker_pool.hpp"

namespace ccp::plugin {

enum class InstanceState { created, configured, ready, degraded, draining, stopped, failed };
const char* toString(InstanceState state) noexcept;

class Instance : public std::enable_shared_from_this<Instance> {
 public:
  /// How long a call may take to notice its deadline before it is abandoned.
  static constexpr Duration kGrace = milliseconds(250);

  Instance(const HostContext& host, WorkerPool& pool, const ccp_plugin* plugin, InstanceGrants grants);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Checks `config` against the schema, fills defaults, then create, configure, start.
  Status start(const Json& config, const Json& config_schema);
  /// Drains (waits for running calls), stops and destroys. Idempotent.
  void stop(Duration patience);

  /// One operation of an interface. `plugin_unavailable` unless ready, `overloaded` when all
  /// max_concurrency places stay taken, `deadline_exceeded`, `unimplemented`, and what the plugin says.
  Result<Json> call(std::string_view interface_id, std::string_view operation, const CallContext& context, const Json& in);
  /// A scheduled tick; counts as an operation.
  Status tick(const SchedulerService::Tick& tick);
  /// {"status":"ok|degraded|failing","detail"}; also moves ready ⇄ degraded.
  Json health();

  struct Info {
    InstanceState state = InstanceState::created;
    std::string detail;
    int in_flight = 0;
    int abandoned = 0;
  };
  Info info() const;
  const std::string& name() const noexcept { return services_.grants().name; }
  const Manifest& manifest() const noexcept { return services_.grants().manifest; }
  std::vector<SchedulerService::Tick> ticks() { return services_.scheduler().ticks(); }

 private:
  using Body = std::function<ccp_rc(const ccp_call*, ccp_str)>;
  /// Runs `body` on the pool and turns its outcome into text or an Error.
  Result<std::string> run(std::string_view what, CallContext context, std::string input, Body body);
  Status lifecycle(std::string_view what, ccp_op op, std::string input);
  Status enter(const CallContext& context);
  void leave();
  void setState(InstanceState state, std::string detail = {});
  void noteAbandoned(std::string_view what);
  void returned();

  const HostContext& host_;
  WorkerPool& pool_;
  const ccp_plugin* plugin_;
  HostServices services_;
  ccp_instance* raw_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  InstanceState state_ = InstanceState::created;
  std::string detail_;
  int in_flight_ = 0;
  int abandoned_ = 0;
};

}  // namespace ccp::plugin
