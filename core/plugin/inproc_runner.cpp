#include "core/plugin/inproc_runner.hpp"

#include <algorithm>
#include <atomic>
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

/// The frames that cancel() reaches.
class Running {
 public:
  Running(Core& core, CallFrame& frame) : core_(core), frame_(frame) {
    const std::lock_guard lock(core_.mutex);
    core_.running.push_back(&frame_);
  }
  ~Running() {
    const std::lock_guard lock(core_.mutex);
    core_.running.erase(std::find(core_.running.begin(), core_.running.end(), &frame_));
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Core& core_;
  CallFrame& frame_;
};

class InprocRunner final : public Runner {
 public:
  InprocRunner(const Clock& clock, WorkerPool& pool, const ccp_plugin* plugin, const std::shared_ptr<HostServices>& services)
      : pool_(pool), core_(std::make_shared<Core>(clock, plugin, services)) {}

  CallOutcome run(const Function& function, const CallContext& context, std::string input) override {
    CallOutcome out;
    Body body = core_->bodyOf(function);
    if (!body) {
      out.end = CallOutcome::End::answered;
      out.rc = CCP_RC_UNIMPLEMENTED;
      out.err = problemJson(Error{Errc::unimplemented, "the plugin does not provide it"});
      return out;
    }
    const Manifest& manifest = core_->services->grants().manifest;
    const Duration patience = context.deadline.remaining(core_->clock, manifest.op_timeout) + kGrace;
    const auto frame = std::make_shared<CallFrame>(core_->clock, context, std::move(input), manifest.output_bytes);
    const Running running(*core_, *frame);
    const bool queued = pool_.submit([core = core_, frame, body = std::move(body)] {
      if (frame->run(body) == CallFrame::Run::after_abandonment) returned(*core);
    });
    if (!queued) {
      out.code = Errc::shutting_down;
      out.detail = "the plugin host has stopped";
      return out;
    }
    switch (frame->wait(patience)) {
      case CallFrame::Outcome::finished:
        out.end = CallOutcome::End::answered;
        out.rc = frame->rc();
        out.out = std::move(frame->out());
        out.err = std::move(frame->err());
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

  void cancel() override {
    const std::lock_guard lock(core_->mutex);
    for (CallFrame* frame : core_->running) frame->cancel();
  }

  /// The worker may count down before the caller counted up.
  int abandoned() const override { return std::max(core_->abandoned.load(), 0); }

 private:
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
