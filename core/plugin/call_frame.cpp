#include "core/plugin/call_frame.hpp"

#include <exception>
#include <utility>

#include "core/base/log.hpp"

namespace ccp::plugin {
namespace {

thread_local CallFrame* t_current = nullptr;

ccp_str strOf(const std::string& text) noexcept { return {text.data(), text.size()}; }

}  // namespace

CallFrame::CallFrame(const Clock& clock, CallContext context, std::string input, std::size_t out_bytes)
    : clock_(clock), context_(std::move(context)), input_(std::move(input)) {
  out_.sink = {sizeof(ccp_sink), 0, &out_, &CallFrame::append};
  out_.max = out_bytes;
  err_.sink = {sizeof(ccp_sink), 0, &err_, &CallFrame::append};
  err_.max = kErrBytes;
  handle_.frame = this;
  raw_.size = sizeof(ccp_call);
  raw_.deadline_mono_ns = context_.deadline.monotonicNs();
  raw_.request_id = strOf(context_.request_id);
  raw_.tenant = strOf(context_.tenant);
  raw_.idempotency_key = strOf(context_.idempotency_key);
  raw_.out = &out_.sink;
  raw_.err = &err_.sink;
  raw_.is_cancelled = [](const ccp_call* call) noexcept -> std::int32_t {
    // ccp_call is the first member of handle_.
    const auto* handle = reinterpret_cast<const decltype(CallFrame::handle_)*>(call);
    const CallFrame& frame = *handle->frame;
    return frame.given_up_.load(std::memory_order_relaxed) || frame.cancelled_.load(std::memory_order_relaxed) ||
                   frame.context_.deadline.expired(frame.clock_)
               ? 1
               : 0;
  };
}

CallFrame* CallFrame::current() noexcept { return t_current; }

CallFrame::Scope::Scope(CallFrame& frame) noexcept : outer_(std::exchange(t_current, &frame)) {}
CallFrame::Scope::~Scope() { t_current = outer_; }

ccp_rc CallFrame::append(const ccp_sink* sink, const void* data, std::size_t len) noexcept {
  auto& buffer = *static_cast<Buffer*>(sink->ctx);
  if (len > buffer.max - buffer.text.size()) return CCP_RC_RESOURCE_EXHAUSTED;
  try {
    buffer.text.append(static_cast<const char*>(data), len);
  } catch (const std::exception&) {
    return CCP_RC_RESOURCE_EXHAUSTED;
  }
  return CCP_RC_OK;
}

CallFrame::Run CallFrame::run(const std::function<ccp_rc(const ccp_call*, ccp_str)>& op) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (given_up_) return Run::skipped;
    stage_ = Stage::running;
    began_ = std::chrono::steady_clock::now();
  }
  CallFrame* const outer = std::exchange(t_current, this);
  ccp_rc rc = CCP_RC_INTERNAL;
  try {
    rc = op(&raw_, strOf(input_));
  } catch (...) {
    // Against the contract; the SDK's guard() lets nothing through. In process this is all one can do.
    log::error("plugin_misbehaving", {{"detail", "an exception crossed the plugin boundary"}});
  }
  t_current = outer;
  return finish(rc);
}

CallFrame::Run CallFrame::finish(ccp_rc rc) noexcept {
  Run run = Run::finished;
  {
    const std::lock_guard lock(mutex_);
    stage_ = Stage::finished;
    if (given_up_) {
      run = Run::after_abandonment;
    } else {
      rc_ = rc;
      took_ = sinceBegan();
    }
  }
  // Who is woken finds the lock free. The worker shares the frame, so it is still there.
  done_.notify_all();
  return run;
}

CallFrame::Outcome CallFrame::wait(Duration patience) {
  std::unique_lock lock(mutex_);
  if (done_.wait_for(lock, patience, [this] { return stage_ == Stage::finished; })) return Outcome::finished;
  given_up_ = true;
  took_ = sinceBegan();
  return stage_ == Stage::queued ? Outcome::never_started : Outcome::abandoned;
}

Duration CallFrame::sinceBegan() const noexcept {
  return began_ ? std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - *began_)
                : Duration::zero();
}

}  // namespace ccp::plugin
