// Where an instance's code runs. An Instance keeps the rules (states, places, metrics); a Runner only
// carries one function call to the plugin and its outcome back: on the worker pool of this process
// (InprocRunner), or to a process of its own (ProcessRunner, over core/isolation).
// Threads: run() on any thread, many at once, for operations, ticks and health; the other functions
// of the lifecycle one at a time (architecture 2 (7)).
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/plugin/facades/call_context.hpp"

namespace ccp::plugin {

class HostServices;

/// One function of an instance.
struct Function {
  enum class Kind { create, configure, start, health, drain, stop, destroy, operation, tick };
  Kind kind = Kind::operation;
  std::string_view interface_id;  ///< of an operation: "ccp.billing/1"
  std::string_view name;          ///< of an operation or a tick: "create_checkout"
};

struct CallOutcome {
  enum class End {
    answered,     ///< rc, out and err are the plugin's
    overran,      ///< the deadline and the grace passed; the plugin may still be running it (in process)
    not_started,  ///< nothing of the plugin ran: no free thread, the process is being restarted
    lost,         ///< the process ended while it ran the call; nobody knows how far it got
  };
  End end = End::not_started;
  ccp_rc rc = CCP_RC_INTERNAL;
  std::string out;
  std::string err;
  Errc code = Errc::plugin_unavailable;  ///< of not_started: what the caller is told
  std::string detail;      ///< of not_started and lost: what happened, for people; ends without a full stop
  Duration retry_after{};  ///< of not_started and lost: when the runner expects to work again

  bool ok() const noexcept { return end == End::answered && rc == CCP_RC_OK; }
};

/// One of several calls, and how long it took by itself.
struct TimedOutcome {
  CallOutcome outcome;
  Duration took{};
};

class Runner {
 public:
  virtual ~Runner() = default;
  /// How long a call may take to notice its deadline before it is given up.
  static constexpr Duration kGrace = milliseconds(250);

  /// Runs `function` to its end, or until the context's deadline (never none) and a grace are over.
  /// `create` takes no input: the runner knows the instance's name. `destroy` answers when nothing of
  /// the instance is left.
  virtual CallOutcome run(const Function& function, const CallContext& context, std::string input) = 0;
  /// The same function with several inputs, in any order: an outcome for each. The context's
  /// deadline is for all of them together: none begins after it. `at_once` of them at most.
  virtual std::vector<TimedOutcome> runEach(const Function& function, const CallContext& context,
                                            std::vector<std::string> inputs, const Clock& clock,
                                            int at_once);
  /// From how many inputs on runEach() has a use for two at once.
  virtual std::size_t sharesFrom() const { return std::numeric_limits<std::size_t>::max(); }
  /// Tells the calls that run now that nobody needs their result (is_cancelled says 1); does not wait.
  virtual void cancel() {}
  /// Calls that overran and still occupy the plugin; 0 in a process of its own, which is killed instead.
  virtual int abandoned() const { return 0; }
  /// Null: running. Otherwise why calls are not started: {"state":"restarting"|"broken","detail","restarts"}.
  virtual Json status() const { return Json(); }
  /// For operators and metrics: {"pid","restarts","breaker":"closed"|"half_open"|"open","rss_bytes",
  /// "confinement"} of a process of its own; null in this process.
  virtual Json facts() const { return Json(); }

 protected:
  /// Of one of several calls whose turn came after the deadline.
  static CallOutcome tooLate();
};

/// Makes the runner of one instance. The services are its ccp_host; they live as long as somebody holds
/// them, so that a call which was given up keeps what it stands on.
using RunnerFactory = std::function<std::unique_ptr<Runner>(const std::shared_ptr<HostServices>& services)>;

}  // namespace ccp::plugin
