// The words `ccp billing` and `ccp admin webhooks`.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addBillingCommands(CommandTree& tree);

}  // namespace ccp::cli
