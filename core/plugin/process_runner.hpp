// Runs an instance in a process of its own (core/isolation), which the supervisor starts again when it ends.
// Durable state is the host's, so a restart is create, configure and start with the same input: calls that
// ran when the process ended are lost, the next ones meet the new process.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/package/sealed_library.hpp"
#include "core/plugin/host_services/context.hpp"
#include "core/plugin/restart_policy.hpp"
#include "core/plugin/runner.hpp"
#include "core/plugin/supervisor.hpp"

namespace ccp::plugin {

struct Crash {
  std::string instance;
  std::string reason;  ///< "signal 11 (SIGSEGV)"
  int crashes = 0;     ///< in the window of the policy
  bool broken = false; ///< the breaker is open: no restart for a while
};

struct ProcessOptions {
  std::string program;  ///< isolation::hostProgram()
  std::shared_ptr<const SealedLibrary> library;
  RestartSettings restarts;
  /// After each end that nobody asked for. On the supervisor's thread: returns at once, calls nothing here.
  std::function<void(const Crash&)> on_crash;
};

/// `host` and `supervisor` outlive every runner of the factory.
RunnerFactory processRunner(const HostContext& host, Supervisor& supervisor, ProcessOptions options);

}  // namespace ccp::plugin
