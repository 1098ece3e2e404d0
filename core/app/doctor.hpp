// The checks behind GET /v1/admin/doctor: each part of the node says what an operator should know.
#pragma once

#include <vector>

#include "core/admin/service.hpp"

namespace ccp::app {

struct Graph;

/// `graph` must outlive the checks.
std::vector<admin::DoctorCheck> doctorChecks(Graph& graph);

}  // namespace ccp::app
