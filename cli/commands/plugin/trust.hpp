// `ccp plugin trust …`: whose plugins a server may run.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginTrust(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
