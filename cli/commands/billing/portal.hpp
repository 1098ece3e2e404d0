// ccp billing portal: the payment provider's page where an organization changes, pauses, pays or ends its
// subscription.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addBillingPortal(CommandTree& tree, CLI::App& billing);

}  // namespace ccp::cli
