#include "core/plugin/instance.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/base/log.hpp"
#include "core/plugin/instance_config.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

const char* nameOf(Function::Kind kind) noexcept {
  static constexpr const char* kNames[] = {"create", "configure", "start", "health", "drain", "stop", "destroy", "operation", "tick"};
  return kNames[static_cast<std::size_t>(kind)];
}

int wholeSeconds(Duration d) { return static_cast<int>(std::chrono::ceil<seconds>(d).count()); }

}  // namespace

const char* toString(InstanceState state) noexcept {
  static constexpr const char* kNames[] = {"created", "configured", "ready", "degraded", "draining", "stopped", "failed"};
  return kNames[static_cast<std::size_t>(state)];
}

Instance::Instance(const HostContext& host, InstanceGrants grants, const RunnerFactory& runner)
    : host_(host), services_(std::make_shared<HostServices>(host, std::move(grants))), runner_(runner(services_)) {}

// --- one function -----------------------------------------------------------------------------

Instance::Meters& Instance::metersOf(const std::string& what) {
  if (const auto known = meters_.find(what); known != meters_.end()) return known->second;
  const Labels labels{{"instance", name()}, {"operation", what}};
  Meters meters{host_.metrics.counter("ccp_plugin_calls_total", "Calls into plugins", labels),
                host_.metrics.histogram("ccp_plugin_call_seconds", "Duration of calls into plugins", labels,
                                        {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30})};
  return meters_.emplace(what, meters).first->second;
}

void Instance::measure(const std::string& what, Duration took, const Error* error) {
  {
    const std::lock_guard lock(meters_mutex_);
    Meters& meters = metersOf(what);
    meters.calls.add();
    meters.seconds.observe(static_cast<double>(took.count()) / 1e6);
    ++meters.count;
    meters.failed += error ? 1 : 0;
    meters.sum += took;
    meters.longest = std::max(meters.longest, took);
  }
  if (!error) return;
  host_.metrics.counter("ccp_plugin_errors_total", "Calls into plugins that failed", {{"instance", name()}, {"operation", what}, {"code", error->name()}}).add();
}

Json Instance::meters() const {
  const auto inMs = [](Duration d) { return static_cast<double>(d.count()) / 1000; };
  Json out = Json::array();
  const std::lock_guard lock(meters_mutex_);
  for (const auto& [what, meters] : meters_) {
    out.push(Json::object({{"operation", what}, {"calls", meters.count}, {"errors", meters.failed},
                           {"mean_ms", inMs(meters.sum / std::max<std::int64_t>(meters.count, 1))}, {"max_ms", inMs(meters.longest)}}));
  }
  return out;
}

Error Instance::errorOf(const Function& function, const CallOutcome& outcome, const std::string& what) {
  const std::string who = "Plugin instance \"" + name() + "\" ";
  Error error;
  switch (outcome.end) {
    case CallOutcome::End::answered: return errorFromPlugin(name(), what, outcome.rc, outcome.err);
    case CallOutcome::End::overran: {
      const int count = runner_->abandoned();
      host_.metrics.counter("ccp_plugin_abandoned_calls_total", "Calls into plugins that overran their deadline", {{"instance", name()}}).add();
      log::error("plugin_call_abandoned", {{"instance", name()}, {"operation", what}, {"abandoned", count}});
      return {Errc::deadline_exceeded, who + "did not finish " + what + " in time" +
                                           (count > 0 ? " and was taken out of service until the call returns." : "; its process was ended.")};
    }
    case CallOutcome::End::not_started:
      error = {outcome.code, who + "was not asked for " + what + ": " + outcome.detail + "."};
      break;
    case CallOutcome::End::lost:
      error = {Errc::plugin_unavailable, who + "was lost while it ran " + what + " (" + outcome.detail + ")"};
      error.detail += function.kind == Function::Kind::operation ? ": the operation may or may not have happened. Repeat it with the same idempotency key." : ".";
      break;
  }
  error.retry_after_s = wholeSeconds(outcome.retry_after);
  return error;
}

Result<CallContext> Instance::limited(const std::string& what, CallContext context) const {
  const Deadline limit = Deadline::after(host_.clock, manifest().op_timeout);
  if (context.deadline.isNone() || limit.monotonicNs() < context.deadline.monotonicNs()) context.deadline = limit;
  if (!context.deadline.expired(host_.clock)) return context;
  return fail(Errc::deadline_exceeded, "The deadline was over before plugin instance \"" + name() + "\" was asked for " + what + ".");
}

Result<std::string> Instance::read(const Function& function, const std::string& what, CallOutcome outcome, Duration took) {
  if (outcome.ok()) {
    measure(what, took, nullptr);
    return std::move(outcome.out);
  }
  Error error = errorOf(function, outcome, what);
  measure(what, took, &error);
  return fail(std::move(error));
}

Result<std::string> Instance::run(const Function& function, const std::string& what, CallContext context, std::string input) {
  CCP_TRY(context, limited(what, std::move(context)));
  const auto began = host_.clock.monotonicNs();
  CallOutcome outcome = runner_->run(function, context, std::move(input));
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(host_.clock.monotonicNs() - began));
  return read(function, what, std::move(outcome), took);
}

// --- lifecycle --------------------------------------------------------------------------------

Result<std::string> Instance::lifecycle(Function::Kind kind, std::string input) {
  return run({kind, {}, nameOf(kind)}, nameOf(kind), {}, std::move(input));
}

Status Instance::start(const Json& config, const Json& config_schema) {
  const auto failed = [this](Error error) {
    setState(InstanceState::failed, error.detail);
    return fail(std::move(error));
  };
  auto prepared = prepareConfig(host_, services_->grants(), config, config_schema);
  if (!prepared) return failed(std::move(prepared).error());
  // What was created is destroyed again, but not beside a call that has not returned.
  const auto undone = [&](Error error) {
    if (runner_->abandoned() == 0) static_cast<void>(lifecycle(Function::Kind::destroy));
    return failed(std::move(error));
  };
  step_ = nameOf(Function::Kind::create);
  if (auto created = lifecycle(Function::Kind::create, {}); !created) return undone(std::move(created).error());
  step_ = nameOf(Function::Kind::configure);
  if (auto done = lifecycle(Function::Kind::configure, prepared->dump()); !done) {
    Error error = std::move(done).error();
    if (error.code == Errc::validation_failed) error.code = Errc::config_invalid;
    return undone(std::move(error));
  }
  setState(InstanceState::configured);
  step_ = nameOf(Function::Kind::start);
  services_->scheduler().open(true);
  auto started = lifecycle(Function::Kind::start);
  services_->scheduler().open(false);
  if (!started) return undone(std::move(started).error());
  setState(InstanceState::ready);
  return {};
}

bool Instance::waitIdle(Duration patience) {
  // An abandoned call returns on a thread of its own that tells nobody: looked for, not waited for.
  const auto end = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  const auto idle = [this] { return in_flight_ == 0 && probes_ == 0 && runner_->abandoned() == 0; };
  while (!idle() && std::chrono::steady_clock::now() < end) {
    idle_.wait_for(lock, std::min<Duration>(milliseconds(10), std::chrono::duration_cast<Duration>(end - std::chrono::steady_clock::now())));
  }
  return idle();
}

bool Instance::stop(Duration patience, const std::string& why) {
  const std::lock_guard one_at_a_time(stop_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (state_ == InstanceState::stopped || state_ == InstanceState::failed) return true;
    state_ = InstanceState::draining;
    if (!why.empty()) stop_reason_ = why;
    detail_ = stop_reason_;
    place_free_.notify_all();
  }
  if (!waitIdle(patience)) {
    runner_->cancel();
    if (!waitIdle(Runner::kGrace)) {
      setState(InstanceState::draining, "calls have not returned; it is stopped when they do");
      return false;
    }
  }
  static constexpr Function::Kind kSteps[] = {Function::Kind::drain, Function::Kind::stop, Function::Kind::destroy};
  while (stop_steps_ < std::size(kSteps)) {
    const auto kind = kSteps[stop_steps_++];
    if (auto done = lifecycle(kind); !done) log::warn("plugin_stop_failed", {{"instance", name()}, {"detail", done.error().detail}});
    if (runner_->abandoned() > 0) {
      setState(InstanceState::draining, std::string(nameOf(kind)) + " has not returned");
      return false;
    }
  }
  setState(InstanceState::stopped, stop_reason_);
  return true;
}

bool Instance::retired() const {
  const std::lock_guard lock(mutex_);
  return state_ == InstanceState::draining || state_ == InstanceState::stopped;
}

// --- use --------------------------------------------------------------------------------------

Result<Instance::Place> Instance::enter(const CallContext& context) {
  // Real time, because others that run in real time are waited for.
  const Duration patience = context.deadline.remaining(host_.clock, manifest().op_timeout);
  std::unique_lock lock(mutex_);
  place_free_.wait_for(lock, patience, [&] { return !usable() || in_flight_ < manifest().max_concurrency; });
  if (!usable()) {
    // One was woken for one place; who does not take it passes the news on.
    place_free_.notify_all();
    const int abandoned = runner_->abandoned();
    const std::string why = abandoned > 0 ? std::to_string(abandoned) + " call(s) that overran their deadline have not returned" :
                            detail_.empty() ? std::string("its state is ") + toString(state_) : detail_;
    return fail(Errc::plugin_unavailable, "Plugin instance \"" + name() + "\" is out of service: " + why + ".");
  }
  if (in_flight_ >= manifest().max_concurrency) {
    return fail(Errc::overloaded, "Plugin instance \"" + name() + "\" has " + std::to_string(in_flight_) + " calls running, which is its limit.");
  }
  ++in_flight_;
  return Place(*this);
}

std::optional<Instance::Place> Instance::enterIfFree() {
  const std::lock_guard lock(mutex_);
  if (!usable() || in_flight_ >= manifest().max_concurrency) return std::nullopt;
  ++in_flight_;
  return std::optional<Place>(std::in_place, *this);
}

void Instance::leave() {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  // One place is for one caller: waking all who wait costs more than the call did.
  place_free_.notify_one();
  if (in_flight_ == 0) idle_.notify_all();
}

Status Instance::provided(std::string_view interface_id, const std::string& what) const {
  if (manifest().provides_interface(interface_id)) return {};
  return fail(Errc::unimplemented, "Plugin instance \"" + name() + "\" does not provide " + what + " of " + std::string(interface_id) + ".");
}

Result<Json> Instance::jsonOf(const std::string& what, Result<std::string> answer) const {
  if (!answer) return fail(std::move(answer).error());
  auto json = parseJson(*answer, {manifest().output_bytes, 64});
  if (json) return json;
  return fail(Errc::plugin_failed, "Plugin instance \"" + name() + "\" answered " + what + " with something that is no JSON: " + json.error().detail);
}

Result<Json> Instance::call(const Place&, std::string_view interface_id, std::string_view operation, const CallContext& context, const Json& in) {
  const std::string what(operation);
  CCP_CHECK_OK(provided(interface_id, what));
  return jsonOf(what, run({Function::Kind::operation, interface_id, operation}, what, context, in.dump()));
}

std::vector<Result<Json>> Instance::callEach(const Place&, std::string_view interface_id, std::string_view operation, const CallContext& context,
                                             std::vector<std::string> inputs) {
  const std::string what(operation);
  const std::size_t count = inputs.size();
  const auto refused = [count](const Error& error) { return std::vector<Result<Json>>(count, Result<Json>(fail(error))); };
  if (const Status there = provided(interface_id, what); !there) return refused(there.error());
  const auto within = limited(what, context);
  if (!within) return refused(within.error());
  const Function function{Function::Kind::operation, interface_id, operation};
  std::vector<Result<Json>> out;
  out.reserve(count);
  const auto second = count >= runner_->sharesFrom() ? enterIfFree() : std::nullopt;
  for (auto& [outcome, took] :
       runner_->runEach(function, *within, std::move(inputs), host_.clock, second ? 2 : 1)) {
    out.push_back(jsonOf(what, read(function, what, std::move(outcome), took)));
  }
  return out;
}

Status Instance::tick(const std::string& tick) {
  CCP_TRY([[maybe_unused]] const Place place, enter({}));
  auto out = run({Function::Kind::tick, {}, tick}, "tick " + tick, {}, Json::object({{"name", tick}}).dump());
  if (!out) return fail(std::move(out).error());
  return {};
}

Json Instance::health() {
  const auto answer = [](const std::string& status, const std::string& detail) { return Json::object({{"status", status}, {"detail", detail}}); };
  {
    const std::lock_guard lock(mutex_);
    if (state_ != InstanceState::ready && state_ != InstanceState::degraded) {
      return answer("failing", detail_.empty() ? std::string("its state is ") + toString(state_) : detail_);
    }
    if (const int abandoned = runner_->abandoned(); abandoned > 0) {
      return answer("failing", std::to_string(abandoned) + " call(s) overran their deadline and have not returned");
    }
    ++probes_;
  }
  auto out = lifecycle(Function::Kind::health);
  const auto said = out ? parseJson(*out, {64 * 1024, 8}) : fail(std::move(out).error());
  std::string status = said ? said->strOr("status") : "failing";
  if (status != "ok" && status != "degraded") status = "failing";
  const std::string detail = said ? log::redact(said->strOr("detail").substr(0, 1000)) : said.error().detail;
  const std::lock_guard lock(mutex_);
  --probes_;
  idle_.notify_all();
  if (state_ == InstanceState::ready || state_ == InstanceState::degraded) {
    state_ = status == "ok" ? InstanceState::ready : InstanceState::degraded;
    detail_ = status == "ok" ? std::string() : detail;
  }
  return answer(status, detail);
}

void Instance::setState(InstanceState state, std::string detail) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  detail_ = std::move(detail);
  place_free_.notify_all();
}

Instance::Info Instance::info() const {
  Json trouble = runner_->status();
  Json process = runner_->facts();
  const std::lock_guard lock(mutex_);
  return {state_, detail_, in_flight_, runner_->abandoned(), std::move(trouble), std::move(process)};
}

}  // namespace ccp::plugin
