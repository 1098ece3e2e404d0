// One call into a plugin: the ccp_call that it sees, its sinks, its deadline, and who waits for it. Shared
// by the waiting caller and the worker, so that either may go first.
// Threads: run() on a worker; wait() on the caller; everything else is atomic.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "ccp/abi/plugin.h"
#include "core/base/time.hpp"
#include "core/plugin/facades/call_context.hpp"

namespace ccp::plugin {

class CallFrame {
 public:
  /// Text of ccp_call.err at most.
  static constexpr std::size_t kErrBytes = 16 * 1024;

  CallFrame(const Clock& clock, CallContext context, std::string input, std::size_t out_bytes);
  CallFrame(const CallFrame&) = delete;
  CallFrame& operator=(const CallFrame&) = delete;

  enum class Run { finished, skipped, after_abandonment };
  /// On a worker, in place of run(): nothing is called, and nobody waits for it.
  void skip() noexcept {
    skipped_ = true;
    finish(CCP_RC_CANCELLED);
  }
  /// On a worker: calls `op` unless the caller has given up already.
  Run run(const std::function<ccp_rc(const ccp_call*, ccp_str)>& op) noexcept;
  enum class Outcome { finished, never_started, abandoned };
  /// On the caller: waits at most `patience` of real time.
  Outcome wait(Duration patience);

  /// From now on is_cancelled() says 1; the caller still waits.
  void cancel() noexcept { cancelled_ = true; }

  // After wait() said finished:
  ccp_rc rc() const noexcept { return rc_; }
  std::string& out() noexcept { return out_.text; }
  std::string& err() noexcept { return err_.text; }

  /// How long it ran; of one that was abandoned, until then.
  Duration took() const noexcept { return took_; }
  bool skipped() const noexcept { return skipped_; }

  const CallContext& context() const noexcept { return context_; }
  /// Nobody waits any more: host services answer nothing to such a call.
  bool givenUp() const noexcept { return given_up_; }
  const ccp_call* raw() const noexcept { return &raw_; }
  /// The call that runs on this thread, or nullptr: what tells a host service who is asking.
  static CallFrame* current() noexcept;
  /// While it lives, current() on this thread is `frame`: for host calls of a plugin in another process.
  class Scope {
   public:
    explicit Scope(CallFrame& frame) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    CallFrame* const outer_;
  };

 private:
  Run finish(ccp_rc rc) noexcept;
  Duration sinceBegan() const noexcept;
  struct Buffer {
    ccp_sink sink{};
    std::string text;
    std::size_t max = 0;
  };
  static ccp_rc append(const ccp_sink* sink, const void* data, std::size_t len) noexcept;

  const Clock& clock_;
  CallContext context_;
  std::string input_;
  Buffer out_, err_;
  struct {
    ccp_call call;
    CallFrame* frame;
  } handle_{};
  ccp_call& raw_ = handle_.call;
  std::atomic<bool> given_up_{false};
  std::atomic<bool> cancelled_{false};
  ccp_rc rc_ = CCP_RC_INTERNAL;
  Duration took_{};
  std::optional<std::chrono::steady_clock::time_point> began_;
  bool skipped_ = false;
  enum class Stage { queued, running, finished };
  std::mutex mutex_;
  std::condition_variable done_;
  Stage stage_ = Stage::queued;
};

}  // namespace ccp::plugin
