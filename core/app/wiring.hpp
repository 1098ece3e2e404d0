// From settings to a serving node: the ordered start steps of ccpd and their undoing.
#pragma once

#include "core/app/graph.hpp"
#include "core/app/steps.hpp"

namespace ccp::app {

/// Adds every step from the state directory to runtime.json. `graph` must outlive `steps`.
void planStart(Steps& steps, Graph& graph);
/// Only what the database needs: for work on a server that does not run.
void planStore(Steps& steps, Graph& graph);

}  // namespace ccp::app
