#include "core/plugin/inproc_runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/log.hpp"
#include "core/package/interfaces.hpp"
#include "core/plugin/call_frame.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

using Body = std::function<ccp_rc(const ccp_call*, ccp_str)>;

/// What a call needs to run, shared with the worker: whoever lets go last destroys the plugin's instance.
struct Core {
  Core(const Clock& the_clock, const ccp_plugin* the_plugin, std::shared_ptr<HostServices> the_services)
      : clock(the_clock), plugin(the_plugin), services(std::move(the_services)) {}
  ~Core() {
    if (!raw) return;
    CallFrame frame(clock, {}, {}, 0);
    frame.run(destroyer());
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const std::string& name() const { return services->grants().name; }
  Body creator() {
    return [this](const ccp_call* call, ccp_str) {
      const ccp_rc rc = plugin->create(services->table(), {name().data(), name().size()}, &raw);
      if (rc != CCP_RC_OK || raw) return rc;
      const std::string why = problemJson(Error{Errc::plugin_failed, "create said ok and made no instance"});
      writeTo(call->err, why);
      return CCP_RC_INTERNAL;
    };
  }
  Body destroyer() {
    return [this](const ccp_call*, ccp_str) {
      if (raw) plugin->destroy(std::exchange(raw, nullptr));
      return CCP_RC_OK;
    };
  }
  Body operation(ccp_op op) {
    return [this, op](const ccp_call* call, ccp_str in) { return op(raw, call, in); };
  }
  /// Empty when the plugin does not have it.
  Body bodyOf(const Function& function) {
    switch (function.kind) {
      case Function::Kind::create: return creator();
      case Function::Kind::configure: return operation(plugin->configure);
      case Function::Kind::start: return operation(plugin->start);
      case Function::Kind::health: return operation(plugin->health);
      case Function::Kind::drain: return operation(plugin->drain);
      case Function::Kind::stop: return operation(plugin->stop);
      case Function::Kind::destroy: return destroyer();
      case Function::Kind::operation: {
        const void* table = plugin->extension(plugin, std::string(function.interface_id).c_str());
        const ccp_op op = table ? operationIn(table, function.interface_id, function.name) : nullptr;
        return op ? operation(op) : Body();
      }
      case Function::Kind::tick: {
        const ccp_op op = services->scheduler().find(function.name);
        return op ? operation(op) : Body();
      }
    }
    return {};
  }

  const Clock& clock;
  const ccp_plugin* const plugin;
  const std::shared_ptr<HostServices> services;
  ccp_instance* raw = nullptr;  ///< written by create and destroy only, which run beside nothing
  std::atomic<int> abandoned{0};
  std::mutex mutex;
  std::vector<CallFrame*> running;
};

/// One function with the call that runs it.
struct Step {
  std::shared_ptr<CallFrame> frame;
  Body body;
};

/// The frames that cancel() reaches.
class Running {
 public:
  Running(Core& core, const std::vector<Step>& steps) : core_(core), steps_(steps) {
    const std::lock_guard lock(core_.mutex);
    for (const Step& step : steps_) core_.running.push_back(step.frame.get());
  }
  ~Running() {
    const std::lock_guard lock(core_.mutex);
    for (const Step& step : steps_) core_.running.erase(std::find(core_.running.begin(), core_.running.end(), step.frame.get()));
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Core& core_;
  const std::vector<Step>& steps_;
};

class InprocRunner final : public Runner {
 public:
  InprocRunner(const Clock& clock, WorkerPool& pool, const ccp_plugin* plugin, const std::shared_ptr<HostServices>& services)
      : pool_(pool), core_(std::make_shared<Core>(clock, plugin, services)) {}

  CallOutcome run(const Function& function, const CallContext& context, std::string input) override {
    return std::move(runInOrder({function}, context, input, core_->clock).front().outcome);
  }

  /// All of them in one task: a hop to another thread and back costs more than a short call.
  std::vector<TimedOutcome> runInOrder(const std::vector<Function>& functions, const CallContext& context, const std::string& input,
                                       const Clock&) override {
    const Manifest& manifest = core_->services->grants().manifest;
    std::vector<Step> steps;
    for (const Function& function : functions) {
      Body body = core_->bodyOf(function);
      if (!body) body = [](const ccp_call* call, ccp_str) { return unimplemented(call); };
      steps.push_back({std::make_shared<CallFrame>(core_->clock, context, input, manifest.output_bytes), std::move(body)});
    }
    const Duration patience = context.deadline.remaining(core_->clock, manifest.op_timeout) + kGrace;
    const Running running(*core_, steps);
    const auto began = std::chrono::steady_clock::now();
    if (!pool_.submit([core = core_, steps] { work(*core, steps); })) {
      CallOutcome out;
      out.code = Errc::shutting_down;
      out.detail = "the plugin host has stopped";
      return {{std::move(out), {}}};
    }
    // The last one is over when all are; only when it is not does it matter how far they came.
    const auto last = steps.back().frame->wait(patience);
    std::vector<TimedOutcome> out;
    for (const Step& step : steps) {
      const bool is_last = &step == &steps.back();
      const auto ended = is_last ? last : step.frame->wait(Duration::zero());
      // Of one that has not ended, as long as it was waited for.
      Duration took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
      for (const auto& before : out) took -= before.took;
      if (ended == CallFrame::Outcome::finished) took = step.frame->took();
      out.push_back({outcomeOf(*step.frame, ended), took});
      if (!out.back().outcome.ok()) break;
    }
    return out;
  }

  void cancel() override {
    const std::lock_guard lock(core_->mutex);
    for (CallFrame* frame : core_->running) frame->cancel();
  }

  /// The worker may count down before the caller counted up.
  int abandoned() const override { return std::max(core_->abandoned.load(), 0); }

 private:
  static ccp_rc unimplemented(const ccp_call* call) {
    const std::string why = problemJson(Error{Errc::unimplemented, "the plugin does not provide it"});
    writeTo(call->err, why);
    return CCP_RC_UNIMPLEMENTED;
  }
  /// On a worker.
  static void work(Core& core, const std::vector<Step>& steps) {
    bool go_on = true;
    for (const Step& step : steps) {
      const ccp_call* call = step.frame->raw();
      // The first one ran beyond the deadline, or nobody needs them any more: not the next one's fault.
      const bool late = &step != &steps.front() && call->is_cancelled(call) == 1;
      if (!go_on || late) {
        step.frame->skip();
        continue;
      }
      const auto run = step.frame->run(step.body);
      if (run == CallFrame::Run::after_abandonment) returned(core);
      go_on = run == CallFrame::Run::finished && step.frame->rc() == CCP_RC_OK;
    }
  }
  CallOutcome outcomeOf(CallFrame& frame, CallFrame::Outcome outcome) {
    CallOutcome out;
    switch (outcome) {
      case CallFrame::Outcome::finished:
        if (frame.skipped()) return tooLate();
        out.end = CallOutcome::End::answered;
        out.rc = frame.rc();
        out.out = std::move(frame.out());
        out.err = std::move(frame.err());
        break;
      case CallFrame::Outcome::never_started:
        out.code = Errc::overloaded;
        out.detail = "no thread was free before the deadline";
        break;
      case CallFrame::Outcome::abandoned:
        ++core_->abandoned;
        out.end = CallOutcome::End::overran;
        break;
    }
    return out;
  }
  static void returned(Core& core) {
    --core.abandoned;
    log::warn("plugin_call_returned",
              {{"instance", core.name()}, {"detail", "an abandoned call came back; the instance is in service again when none is left"}});
  }

  WorkerPool& pool_;
  const std::shared_ptr<Core> core_;
};

}  // namespace

RunnerFactory inprocRunner(const Clock& clock, WorkerPool& pool, const ccp_plugin* plugin) {
  return [&clock, &pool, plugin](const std::shared_ptr<HostServices>& services) {
    return std::make_unique<InprocRunner>(clock, pool, plugin, services);
  };
}

}  // namespace ccp::plugin
