// The policies of this node as part of the start: the interpreter is tested before anything is decided,
// then the log of decisions, the runtime and what was published stand, before the features that ask them.
#pragma once

#include "core/app/graph.hpp"

namespace ccp::app {

/// Before the features. `policy_engine_unfit` when the interpreter computes wrongly.
Status openPolicies(Graph& graph);
/// Publishing, once licensing has keys to sign with.
void openPolicySets(Graph& graph);
/// After the features are gone.
void closePolicies(Graph& graph);

}  // namespace ccp::app
