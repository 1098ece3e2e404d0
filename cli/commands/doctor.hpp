// ccp doctor: everything that can be wrong on this machine and between it and the server.
#pragma once

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace ccp::cli {

/// Prints a line per check; a Failure of exit 1 when one failed.
Done runDoctor(const Context& context);

}  // namespace ccp::cli
