// Every route of ccpd, on one screen: routes.cpp.
#pragma once

#include "core/app/graph.hpp"

namespace ccp::app {

/// What the world sees.
void addPublicRoutes(http::Router& router, Graph& graph);
/// /healthz, /readyz, /metrics: what the machine's owner sees.
void addAdminListenerRoutes(http::Router& router, Graph& graph);

}  // namespace ccp::app
