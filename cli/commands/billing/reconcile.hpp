// ccp billing reconcile: compares every customer with the providers now.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addBillingReconcile(CommandTree& tree, CLI::App& billing);

}  // namespace ccp::cli
