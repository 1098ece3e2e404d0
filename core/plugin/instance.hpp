// One configured use of a plugin: its state machine (architecture 2.1) and every call into it.
//   created → configured → ready ⇄ degraded → draining → stopped; failed from anywhere before ready.
// Where its code runs is the Runner's matter; the rules are here: who may call, how many at once, what
// an outcome means to the caller, what is counted.
// Threads: start() and stop() one at a time; call(), tick(), health() and info() on any.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/plugin/facades/call_context.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/runner.hpp"

namespace ccp::plugin {

enum class InstanceState { created, configured, ready, degraded, draining, stopped, failed };
const char* toString(InstanceState state) noexcept;

class Instance {
 public:
  Instance(const HostContext& host, InstanceGrants grants, const RunnerFactory& runner);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// Checks `config` against the schema, fills defaults, then create, configure, start. After a failure
  /// nothing of it runs any more.
  Status start(const Json& config, const Json& config_schema);
  /// Takes it out of service, waits for running calls, then tells them that nobody needs them, then
  /// drains, stops and destroys. False when calls still occupy it: nothing may run beside them, so the
  /// rest is left for another stop(). Idempotent.
  bool stop(Duration patience);

  /// One operation of an interface. `plugin_unavailable` unless ready, `overloaded` when all
  /// max_concurrency places stay taken, `deadline_exceeded`, `unimplemented`, and what the plugin says.
  Result<Json> call(std::string_view interface_id, std::string_view operation, const CallContext& context, const Json& in);
  /// A scheduled tick; counts as an operation.
  Status tick(const std::string& name);
  /// {"status":"ok|degraded|failing","detail"}; also moves ready ⇄ degraded.
  Json health();

  struct Info {
    InstanceState state = InstanceState::created;
    std::string detail;
    int in_flight = 0;
    int abandoned = 0;
    Json runner;  ///< Runner::status(): null while it runs
  };
  Info info() const;
  const std::string& name() const noexcept { return services_->grants().name; }
  const Manifest& manifest() const noexcept { return services_->grants().manifest; }
  std::vector<SchedulerService::Tick> ticks() const { return services_->scheduler().ticks(); }

 private:
  struct Meters {
    Counter& calls;
    Histogram& seconds;
  };
  /// Runs one function and turns its outcome into text or an Error. `what` names it for people.
  Result<std::string> run(const Function& function, const std::string& what, CallContext context, std::string input);
  Result<std::string> lifecycle(Function::Kind kind, std::string input = "{}");
  Error errorOf(const CallOutcome& outcome, const std::string& what);
  Meters& metersOf(const std::string& what);
  bool usable() const { return (state_ == InstanceState::ready || state_ == InstanceState::degraded) && runner_->abandoned() == 0; }
  Status enter(const CallContext& context);
  void leave();
  void setState(InstanceState state, std::string detail = {});
  bool waitIdle(Duration patience);

  const HostContext& host_;
  const std::shared_ptr<HostServices> services_;
  const std::unique_ptr<Runner> runner_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  InstanceState state_ = InstanceState::created;
  std::string detail_;
  int in_flight_ = 0;
  std::size_t stop_steps_ = 0;  ///< of drain, stop, destroy: how many have begun
  int probes_ = 0;              ///< health checks that run: beside operations, but not beside stop
  std::mutex meters_mutex_;
  std::map<std::string, Meters> meters_;
};

}  // namespace ccp::plugin
