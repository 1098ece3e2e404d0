// Runs an instance in this process: on the worker pool, so that a call which overruns its deadline is
// abandoned. Its caller goes on; the thread, the instance and its host services live until it returns.
#pragma once

#include "core/plugin/runner.hpp"
#include "core/plugin/worker_pool.hpp"

namespace ccp::plugin {

/// `clock` and `pool` outlive every runner of the factory.
RunnerFactory inprocRunner(const Clock& clock, WorkerPool& pool, const ccp_plugin* plugin);

}  // namespace ccp::plugin
