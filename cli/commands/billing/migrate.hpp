// ccp billing migrate: moves a paying organization to another billing instance.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addBillingMigrate(CommandTree& tree, CLI::App& billing);

}  // namespace ccp::cli
