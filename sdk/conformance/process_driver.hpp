// Where ccp-plugin-host is, for the driver of process isolation.
#pragma once

#include <string>

namespace ccp::kit {

/// Empty: beside this program. Before the first loadProcess().
void setHostProgram(const std::string& path);

}  // namespace ccp::kit
