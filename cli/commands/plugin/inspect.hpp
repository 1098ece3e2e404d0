// `ccp plugin inspect`: one instance of a server, or a package on disk before anybody loads it.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginInspect(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
