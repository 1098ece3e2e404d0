// `ccp plugin list`: the plugin instances of a server.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginList(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
