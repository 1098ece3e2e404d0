// `ccp plugin verify`: what a server would check before it loads a package, step by step.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginVerify(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
