// Tells what a change of seats or plan did: before and after, about how much, and who rests now. Pure but
// for the output.
#pragma once

#include "cli/support/context.hpp"

namespace ccp::cli {

void showChange(const Context& context, const Json& answer);

}  // namespace ccp::cli
