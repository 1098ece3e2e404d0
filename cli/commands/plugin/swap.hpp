// `ccp plugin swap` and `ccp plugin drain`: replace an instance while it serves, or take it out of service.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginSwap(CommandTree& tree, CLI::App& plugin);
void addPluginDrain(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
