// One configured use of a plugin: its state machine (architecture 2.1) and every call into it.
//   created → configured → ready ⇄ degraded → draining → stopped; failed from anywhere before ready.
// Where its code runs is the Runner's matter; the rules are here: who may call, how many at once, what
// an outcome means to the caller, what is counted.
// Threads: start() before anything else; the rest on any.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  /// nothing of it runs any more, and step() says how far it came.
  Status start(const Json& config, const Json& config_schema);
  /// "configuration", "create", "configure" or "start". For the thread that called start().
  const char* step() const noexcept { return step_; }
  /// Takes it out of service, waits for running calls, then tells them that nobody needs them, then
  /// drains, stops and destroys. False when calls still occupy it: nothing may run beside them, so the
  /// rest is left for another stop(). Idempotent. `why` is what callers and operators read from then on.
  bool stop(Duration patience, const std::string& why = {});
  /// It will never be in service again: whoever was refused may ask its successor.
  bool retired() const;

  /// One of the max_concurrency places, held while a call runs.
  class Place {
   public:
    explicit Place(Instance& instance) noexcept : instance_(&instance) {}
    Place(Place&& other) noexcept : instance_(std::exchange(other.instance_, nullptr)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (instance_) instance_->leave();
    }

   private:
    Instance* instance_;
  };
  /// `plugin_unavailable` unless ready, `overloaded` when all places stay taken. Nothing of the plugin ran.
  Result<Place> enter(const CallContext& context);
  /// One operation of an interface, in a place of this instance: `deadline_exceeded`, `unimplemented`, and
  /// what the plugin says.
  Result<Json> call(const Place& place, std::string_view interface_id, std::string_view operation, const CallContext& context, const Json& in);
  /// The same operation with several inputs (JSON), in any order: an answer for each. They share
  /// the deadline and the place, and when there are many a second one that happens to be free; in
  /// process also the hop to another thread, which costs more than a short operation.
  std::vector<Result<Json>> callEach(const Place& place, std::string_view interface_id, std::string_view operation, const CallContext& context, std::vector<std::string> inputs);
  /// A scheduled tick; counts as an operation.
  Status tick(const std::string& name);
  /// {"status":"ok|degraded|failing","detail"}; also moves ready ⇄ degraded.
  Json health();

  struct Info {
    InstanceState state = InstanceState::created;
    std::string detail;
    int in_flight = 0;
    int abandoned = 0;
    Json trouble;  ///< Runner::status(): null while it runs
    Json process;  ///< Runner::facts(): null in this process
  };
  Info info() const;
  /// [{"operation","calls","errors","mean_ms","max_ms"}] since it was created.
  Json meters() const;
  const std::string& name() const noexcept { return services_->grants().name; }
  const Manifest& manifest() const noexcept { return services_->grants().manifest; }
  std::vector<SchedulerService::Tick> ticks() const { return services_->scheduler().ticks(); }

 private:
  struct Meters {
    Counter& calls;
    Histogram& seconds;
    std::int64_t count = 0, failed = 0;  ///< of this instance; the metrics go on across swaps
    Duration sum{}, longest{};
  };
  /// Runs one function and turns its outcome into text or an Error. `what` names it for people.
  Result<std::string> run(const Function& function, const std::string& what, CallContext context, std::string input);
  /// The context's deadline, or the manifest's when that is earlier; refuses one that is over.
  Result<CallContext> limited(const std::string& what, CallContext context) const;
  Result<std::string> read(const Function& function, const std::string& what, CallOutcome outcome, Duration took);
  Result<Json> jsonOf(const std::string& what, Result<std::string> answer) const;
  Status provided(std::string_view interface_id, const std::string& what) const;
  Result<std::string> lifecycle(Function::Kind kind, std::string input = "{}");
  Error errorOf(const Function& function, const CallOutcome& outcome, const std::string& what);
  Meters& metersOf(const std::string& what);
  void measure(const std::string& what, Duration took, const Error* error);
  bool usable() const { return (state_ == InstanceState::ready || state_ == InstanceState::degraded) && runner_->abandoned() == 0; }
  std::optional<Place> enterIfFree();
  void leave();
  void setState(InstanceState state, std::string detail = {});
  bool waitIdle(Duration patience);

  const HostContext& host_;
  const std::shared_ptr<HostServices> services_;
  const std::unique_ptr<Runner> runner_;

  std::mutex stop_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable place_free_;  ///< or the end of its service
  std::condition_variable idle_;        ///< no call, no probe
  InstanceState state_ = InstanceState::created;
  std::string detail_;
  std::string stop_reason_;
  const char* step_ = "configuration";
  int in_flight_ = 0;
  std::size_t stop_steps_ = 0;  ///< of drain, stop, destroy: how many have begun
  int probes_ = 0;              ///< health checks that run: beside operations, but not beside stop
  mutable std::mutex meters_mutex_;
  std::map<std::string, Meters> meters_;
};

}  // namespace ccp::plugin
