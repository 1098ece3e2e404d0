#include "core/plugin/instance.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/plugin/instance_config.hpp"
#include "core/package/interfaces.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

/// Calls may be abandoned at the end of the process: such an instance is kept for ever rather than
/// destroyed under a thread that still runs in it.
void keepForEver(std::shared_ptr<Instance> instance) {
  static auto* mutex = new std::mutex;
  static auto* kept = new std::vector<std::shared_ptr<Instance>>;
  const std::lock_guard lock(*mutex);
  kept->push_back(std::move(instance));
}

}  // namespace

const char* toString(InstanceState state) noexcept {
  static constexpr const char* kNames[] = {"created", "configured", "ready", "degraded", "draining", "stopped", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

Instance::Instance(const HostContext& host, WorkerPool& pool, const ccp_plugin* plugin, InstanceGrants grants)
    : host_(host), pool_(pool), plugin_(plugin), services_(host, std::move(grants)) {}

Instance::~Instance() {
  if (raw_) plugin_->destroy(raw_);
}

Result<std::string> Instance::run(std::string_view what, CallContext context, std::string input, Body body) {
  const Deadline limit = Deadline::after(host_.clock, manifest().op_timeout);
  if (context.deadline.isNone() || limit.monotonicNs() < context.deadline.monotonicNs()) context.deadline = limit;
  if (context.deadline.expired(host_.clock)) {
    return fail(Errc::deadline_exceeded, "The deadline was over before plugin instance \"" + name() + "\" was asked for " + std::string(what) + ".");
  }
  const Duration patience = context.deadline.remaining(host_.clock, manifest().op_timeout) + kGrace;
  const auto frame = std::make_shared<CallFrame>(host_.clock, std::move(context), std::move(input), manifest().output_bytes);
  const auto began = host_.clock.monotonicNs();
  // The worker holds the instance: an abandoned call must not lose the object it runs in.
  const bool queued = pool_.submit([self = shared_from_this(), frame, body = std::move(body)] {
    if (frame->run(body) == CallFrame::Run::after_abandonment) self->returned();
  });
  if (!queued) return fail(Errc::shutting_down, "The plugin host has stopped.");
  const auto outcome = frame->wait(patience);
  const Labels labels{{"instance", name()}, {"operation", std::string(what)}};
  host_.metrics.histogram("ccp_plugin_call_seconds", "Duration of calls into plugins", labels)
      .observe(static_cast<double>(host_.clock.monotonicNs() - began) / 1e9);
  if (outcome == CallFrame::Outcome::abandoned) {
    noteAbandoned(what);
    return fail(Errc::deadline_exceeded, "Plugin instance \"" + name() + "\" did not finish " + std::string(what) +
                                             " in time and was taken out of service until the call returns.");
  }
  if (outcome == CallFrame::Outcome::never_started) {
    return fail(Errc::overloaded, "No thread was free for plugin instance \"" + name() + "\" before the deadline.");
  }
  if (frame->rc() == CCP_RC_OK) return std::move(frame->out());
  Error error = errorFromPlugin(name(), what, frame->rc(), frame->err());
  host_.metrics.counter("ccp_plugin_errors_total", "Calls into plugins that failed", {{"instance", name()}, {"operation", std::string(what)}, {"code", error.name()}}).add();
  return fail(std::move(error));
}

Status Instance::lifecycle(std::string_view what, ccp_op op, std::string input) {
  CCP_TRY([[maybe_unused]] const std::string out,
          run(what, {}, std::move(input), [this, op](const ccp_call* call, ccp_str in) { return op(raw_, call, in); }));
  return {};
}

Status Instance::start(const Json& config, const Json& config_schema) {
  const auto failed = [this](Error error) {
    setState(InstanceState::failed, error.detail);
    return fail(std::move(error));
  };
  auto prepared = prepareConfig(host_, services_.grants(), config, config_schema);
  if (!prepared) return failed(std::move(prepared).error());
  auto created = run("create", {}, {}, [this](const ccp_call*, ccp_str) {
    const std::string& instance = name();
    return plugin_->create(services_.table(), {instance.data(), instance.size()}, &raw_);
  });
  if (!created) return failed(std::move(created).error());
  if (!raw_) return failed(Error{Errc::plugin_failed, "Plugin instance \"" + name() + "\": create said ok and made no instance."});
  if (Status done = lifecycle("configure", plugin_->configure, prepared->dump()); !done) {
    Error error = std::move(done).error();
    if (error.code == Errc::validation_failed) error.code = Errc::config_invalid;
    return failed(std::move(error));
  }
  setState(InstanceState::configured);
  services_.scheduler().open(true);
  Status started = lifecycle("start", plugin_->start, "{}");
  services_.scheduler().open(false);
  if (!started) return failed(std::move(started).error());
  setState(InstanceState::ready);
  return {};
}

Status Instance::enter(const CallContext& context) {
  // Real time, because others that run in real time are waited for.
  const Duration patience = context.deadline.remaining(host_.clock, manifest().op_timeout);
  std::unique_lock lock(mutex_);
  const auto usable = [this] { return (state_ == InstanceState::ready || state_ == InstanceState::degraded) && abandoned_ <= 0; };
  changed_.wait_for(lock, patience, [&] { return !usable() || in_flight_ < manifest().max_concurrency; });
  if (!usable()) {
    const std::string why = abandoned_ > 0 ? std::to_string(abandoned_) + " call(s) that overran their deadline have not returned" :
                            detail_.empty() ? std::string("its state is ") + toString(state_) : detail_;
    return fail(Errc::plugin_unavailable, "Plugin instance \"" + name() + "\" is out of service: " + why + ".");
  }
  if (in_flight_ >= manifest().max_concurrency) {
    return fail(Errc::overloaded, "Plugin instance \"" + name() + "\" has " + std::to_string(in_flight_) + " calls running, which is its limit.");
  }
  ++in_flight_;
  return {};
}

void Instance::leave() {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  changed_.notify_all();
}

Result<Json> Instance::call(std::string_view interface_id, std::string_view operation, const CallContext& context, const Json& in) {
  const std::string id(interface_id);
  const void* table = manifest().provides_interface(id) ? plugin_->extension(plugin_, id.c_str()) : nullptr;
  const ccp_op op = table ? operationIn(table, interface_id, operation) : nullptr;
  if (!op) return fail(Errc::unimplemented, "Plugin instance \"" + name() + "\" does not provide " + std::string(operation) + " of " + id + ".");
  CCP_CHECK_OK(enter(context));
  auto out = run(operation, context, in.dump(), [this, op](const ccp_call* call, ccp_str text) { return op(raw_, call, text); });
  leave();
  if (!out) return fail(std::move(out).error());
  auto answer = parseJson(*out, {manifest().output_bytes, 64});
  if (!answer) {
    return fail(Errc::plugin_failed, "Plugin instance \"" + name() + "\" answered " + std::string(operation) + " with something that is no JSON: " + answer.error().detail);
  }
  return answer;
}

Status Instance::tick(const SchedulerService::Tick& tick) {
  CCP_CHECK_OK(enter({}));
  auto out = run("tick " + tick.name, {}, Json::object({{"name", tick.name}}).dump(),
                 [this, op = tick.op](const ccp_call* call, ccp_str text) { return op(raw_, call, text); });
  leave();
  if (!out) return fail(std::move(out).error());
  return {};
}

Json Instance::health() {
  const Info now = info();
  const auto answer = [](const char* status, const std::string& detail) { return Json::object({{"status", status}, {"detail", detail}}); };
  if (now.state != InstanceState::ready && now.state != InstanceState::degraded) {
    return answer("failing", now.detail.empty() ? std::string("its state is ") + toString(now.state) : now.detail);
  }
  if (now.abandoned > 0) return answer("failing", std::to_string(now.abandoned) + " call(s) overran their deadline and have not returned");
  auto out = run("health", {}, "{}", [this](const ccp_call* call, ccp_str in) { return plugin_->health(raw_, call, in); });
  const auto said = out ? parseJson(*out, {64 * 1024, 8}) : fail(std::move(out).error());
  const std::string status = said ? said->strOr("status") : "failing";
  const std::string detail = said ? log::redact(said->strOr("detail").substr(0, 1000)) : said.error().detail;
  const std::lock_guard lock(mutex_);
  if (state_ == InstanceState::ready || state_ == InstanceState::degraded) {
    state_ = status == "ok" ? InstanceState::ready : InstanceState::degraded;
    detail_ = status == "ok" ? std::string() : detail;
  }
  return answer(status == "ok" || status == "degraded" ? status.c_str() : "failing", detail);
}

void Instance::stop(Duration patience) {
  bool idle = false;
  {
    std::unique_lock lock(mutex_);
    if (state_ == InstanceState::stopped || state_ == InstanceState::failed) return;
    state_ = InstanceState::draining;
    changed_.notify_all();
    idle = changed_.wait_for(lock, patience, [this] { return in_flight_ == 0 && abandoned_ <= 0; });
  }
  if (!idle) {
    // Neither stop nor destroy may run beside an operation.
    log::error("plugin_left_running", {{"instance", name()}, {"detail", "calls have not returned; the instance is neither stopped nor destroyed"}});
    setState(InstanceState::stopped, "calls had not returned when it was stopped");
    keepForEver(shared_from_this());
    return;
  }
  const Status drained = lifecycle("drain", plugin_->drain, "{}");
  const Status stopped = lifecycle("stop", plugin_->stop, "{}");
  for (const Status* status : {&drained, &stopped}) {
    if (!*status) log::warn("plugin_stop_failed", {{"instance", name()}, {"detail", status->error().detail}});
  }
  setState(InstanceState::stopped);
  if (info().abandoned > 0) {
    keepForEver(shared_from_this());
    return;
  }
  plugin_->destroy(std::exchange(raw_, nullptr));
}

void Instance::setState(InstanceState state, std::string detail) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  detail_ = std::move(detail);
  changed_.notify_all();
}

void Instance::noteAbandoned(std::string_view what) {
  int count = 0;
  {
    const std::lock_guard lock(mutex_);
    count = ++abandoned_;
    changed_.notify_all();
  }
  host_.metrics.counter("ccp_plugin_abandoned_calls_total", "Calls into plugins that overran their deadline", {{"instance", name()}}).add();
  log::error("plugin_call_abandoned", {{"instance", name()}, {"operation", what}, {"abandoned", count}});
}

void Instance::returned() {
  {
    const std::lock_guard lock(mutex_);
    --abandoned_;
    changed_.notify_all();
  }
  log::warn("plugin_call_returned", {{"instance", name()}, {"detail", "an abandoned call came back; the instance is in service again when none is left"}});
}

Instance::Info Instance::info() const {
  const std::lock_guard lock(mutex_);
  return {state_, detail_, in_flight_, std::max(abandoned_, 0)};
}

}  // namespace ccp::plugin
