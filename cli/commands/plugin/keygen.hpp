// `ccp plugin keygen`: a key that signs plugins, and the public half that operators trust.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginKeygen(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
