#include "core/plugin/inproc_runner.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <unordered_set>
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
  std::unordered_set<CallFrame*> running;
};

/// The calls of one task. Shared with the worker, which may be the last to let go.
struct Task {
  Body body;
  std::deque<CallFrame> frames;
  std::atomic<std::size_t> next{0};  ///< of them, to run
};

/// The frames that cancel() reaches.
class Running {
 public:
  Running(Core& core, Task& task) : core_(core), task_(task) {
    const std::lock_guard lock(core_.mutex);
    for (CallFrame& frame : task_.frames) core_.running.insert(&frame);
  }
  ~Running() {
    const std::lock_guard lock(core_.mutex);
    for (CallFrame& frame : task_.frames) core_.running.erase(&frame);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Core& core_;
  Task& task_;
};

class InprocRunner final : public Runner {
 public:
  InprocRunner(const Clock& clock, WorkerPool& pool, const ccp_plugin* plugin, const std::shared_ptr<HostServices>& services)
      : pool_(pool), core_(std::make_shared<Core>(clock, plugin, services)) {}

  CallOutcome run(const Function& function, const CallContext& context, std::string input) override {
    std::vector<std::string> inputs;
    inputs.push_back(std::move(input));
    return std::move(
        runEach(function, context, std::move(inputs), core_->clock, 1).front().outcome);
  }

  /// All of them in one task: a hop to another thread and back costs more than a short call. When
  /// two threads share it, it is over sooner, and those behind an input that hangs are begun.
  std::vector<TimedOutcome> runEach(const Function& function, const CallContext& context,
                                    std::vector<std::string> inputs, const Clock&,
                                    int at_once) override {
    const Manifest& manifest = core_->services->grants().manifest;
    const auto task = std::make_shared<Task>();
    task->body = core_->bodyOf(function);
    if (!task->body) task->body = [](const ccp_call* call, ccp_str) { return unimplemented(call); };
    for (std::string& input : inputs) task->frames.emplace_back(core_->clock, context, std::move(input), manifest.output_bytes);
    const Duration patience = context.deadline.remaining(core_->clock, manifest.op_timeout) + kGrace;
    const Running running(*core_, *task);
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto worker = [core = core_, task] { work(*core, *task); };
    std::vector<TimedOutcome> out;
    out.reserve(task->frames.size());
    if (!pool_.submit(worker)) {
      CallOutcome stopped;
      stopped.code = Errc::shutting_down;
      stopped.detail = "the plugin host has stopped";
      for (std::size_t i = 0; i < task->frames.size(); ++i) out.push_back({stopped, {}});
      return out;
    }
    try {
      for (int more = 1; more < at_once; ++more) pool_.submit(worker);
    } catch (const std::exception&) {
      // No thread to be had; the one that there is takes all.
    }
    for (CallFrame& frame : task->frames) {
      const auto left =
          std::chrono::duration_cast<Duration>(until - std::chrono::steady_clock::now());
      const auto ended = frame.wait(std::max(left, Duration::zero()));
      out.push_back({outcomeOf(frame, ended), frame.took()});
    }
    return out;
  }

  std::size_t sharesFrom() const override { return 8; }

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
  static void work(Core& core, Task& task) {
    for (std::size_t at = task.next++; at < task.frames.size(); at = task.next++) {
      CallFrame& frame = task.frames[at];
      const ccp_call* call = frame.raw();
      // One before it ran beyond the deadline, or nobody needs it any more: not this one's fault.
      if (at != 0 && call->is_cancelled(call) == 1) {
        frame.skip();
      } else if (frame.run(task.body) == CallFrame::Run::after_abandonment) {
        returned(core);
      }
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
