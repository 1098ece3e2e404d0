// What the admin listener says about this node.
#pragma once

#include "core/app/graph.hpp"

namespace ccp::app {

/// The process runs and answers.
Json liveness();

struct Readiness {
  bool ready = true;
  Json report;  ///< {"status","checks":{name:{"status","detail"}}}
};
/// Ready: the store answers, revocations are fresh, the node is not draining. A plugin that is not
/// ready makes the node degraded, not unready: everything else still works.
Readiness checkReadiness(Graph& graph);

}  // namespace ccp::app
