// A plugin in a process of its own, as its parent holds it: one ccp-plugin-host, one instance, many calls at
// once. A call behaves as the same function in process would: it reads the ccp_call, asks services of the
// ccp_host on the caller's thread, writes to the call's sinks. What a call cannot do is take the caller with
// it: the worst that a plugin does ends in End::lost or End::overran, and with its process.
//
// There is no reader thread. Of the callers that wait, one (the leader) reads the socket, puts frames for
// others into their mailboxes, and passes the lead on when it has something to do: a single caller costs
// one system call each way, and many share one reader.
// Threads: run() any number at once, up to max_concurrency and one health; the others any.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "ccp/abi/host.h"
#include "core/isolation/channel.hpp"
#include "core/isolation/process.hpp"
#include "core/isolation/wire.hpp"
#include "core/package/manifest.hpp"

namespace ccp::isolation {

struct SpawnOptions {
  std::string program;  ///< from hostProgram()
  int library_fd = -1;  ///< sealed memfd of the verified library; borrowed until launch() returns
  std::string instance;
  const plugin::Manifest* manifest = nullptr;  ///< borrowed until greet() returns
  bool capture_output = false;                 ///< outputFd() must then be read; else it goes to /dev/null
};

/// One function of the instance.
struct Request {
  CallKind kind = CallKind::operation;
  std::string_view interface_id, name;  ///< as plugin::Function has them
  std::string_view input;
  const ccp_call* call = nullptr;  ///< ids, deadline, sinks, is_cancelled; valid until run() returns
  std::size_t out_bytes = std::size_t{1} << 20;
  /// Real time until the deadline. The plugin then hears of it, has `grace` to end, and is killed.
  Duration patience = seconds(10);
  Duration grace = milliseconds(250);
  /// Runs what serves the call's host calls; empty: runs it as it is. For thread-locals of the host.
  std::function<void(const std::function<void()>&)> around;
};

struct CallEnd {
  enum class Kind {
    answered,  ///< rc is the plugin's; its output is in the call's sinks
    overran,   ///< deadline and grace passed; the process was killed
    lost,      ///< the process ended in mid-call; `reason` says how
  };
  Kind kind = Kind::lost;
  ccp_rc rc = CCP_RC_INTERNAL;
  std::string reason;
};

class Child {
 public:
  /// launch() and greet(). `host` serves the child's host calls and outlives the Child. The child dies with
  /// the thread that calls this (PR_SET_PDEATHSIG).
  static Result<std::unique_ptr<Child>> spawn(const SpawnOptions& options, const ccp_host* host, Duration patience = seconds(10));
  /// Starts the process and says hello; does not wait.
  static Result<std::unique_ptr<Child>> launch(const SpawnOptions& options, const ccp_host* host);
  /// Waits until the library is loaded and checked against the manifest. `plugin_refused` says why not.
  Status greet(const plugin::Manifest& manifest, Duration patience);
  /// Kills what is left. No call may be running.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  CallEnd run(const Request& request);
  /// Tells every running call that nobody needs its result.
  void cancel();

  pid_t pid() const noexcept { return process_->pid(); }
  int pidfd() const noexcept { return process_->pidfd(); }
  /// What it writes to standard output and error; -1 without capture_output. Non-blocking.
  int outputFd() const noexcept { return output_.get(); }
  bool alive() const;
  /// Ends it at once; calls that run are lost with `why`.
  void kill(const std::string& why);
  /// Closes the socket, upon which it ends by itself; kills it when it has not after `patience`. How it ended.
  std::string retire(Duration patience);
  /// After pidfd() became readable, when no caller was there to notice.
  void reap() { finish({}); }
  /// Why it is not alive: "signal 11 (SIGSEGV)", "it broke the protocol: …". Empty while it is.
  std::string reason() const;
  /// Whether it ended because it broke the protocol.
  bool brokeProtocol() const;
  Process::Usage usage() const { return process_->usage(); }
  std::uint64_t rssBytes() const { return usage().rss_bytes; }
  /// What the plugin says about itself, and how its process is confined; after greet().
  const Facts& descriptor() const noexcept { return welcome_.facts; }
  const std::string& confinement() const noexcept { return welcome_.confinement; }

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Waiter;
  Child(std::unique_ptr<Process> process, Fd socket, Fd output, const ccp_host* host, std::size_t max_body);

  std::string encodeRequest(const Request& request) const;
  CallEnd await(Waiter& waiter);
  bool handle(Waiter& waiter, const Frame& frame, CallEnd& end);
  void answered(Waiter& waiter, std::string_view body, CallEnd& end);
  void serve(Waiter& waiter, const Frame& frame);
  void serveOrphans();
  bool sendOrDrain(Waiter& waiter, const Packet& packet);
  void tellCancelled(Waiter& waiter);
  void lead(std::unique_lock<std::mutex>& lock);
  void passLead(const Waiter* from);
  std::string dispatch(Frame& frame);
  std::string mailed(Waiter& waiter, Frame& frame);
  Waiter* find(std::uint64_t id);
  CallEnd overran(const Waiter& waiter);
  void finish(const std::string& violation);
  CallEnd lost() const;

  const std::unique_ptr<Process> process_;
  Fd socket_;
  const Fd output_;
  const ccp_host* const host_;
  const ccp_clock_v1* const clock_;
  Welcome welcome_;
  std::atomic<std::uint64_t> next_id_{1};

  mutable std::mutex mutex_;
  std::vector<Waiter*> waiters_;
  bool leading_ = false;
  bool dead_ = false;
  std::string violation_;
  std::string killed_because_;
  std::string reason_;
  std::deque<Frame> orphans_;  ///< notices outside of a call
  // Of the leader only:
  Receiver receiver_;
  std::vector<Frame> batch_;
  std::chrono::steady_clock::time_point orphan_second_{};
  int orphans_served_ = 0;
};

}  // namespace ccp::isolation
