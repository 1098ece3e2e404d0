// `ccp plugin health`: asks instances how they are.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginHealth(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
