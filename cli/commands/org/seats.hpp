// `ccp seats list | invite | revoke | resend` and `ccp invite`: who may use the product.
#pragma once

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

/// The group `seats` with its commands; `ccp seats` alone lists.
CLI::App& addSeats(CommandTree& tree);
void addInvite(CommandTree& tree);

}  // namespace ccp::cli
