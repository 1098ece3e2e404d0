// `ccp plugin new`: writes a plugin's project, ready to build, test and check. The templates are compiled in
// (sdk/templates), so that the command and what it writes never come from two versions.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginNew(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
