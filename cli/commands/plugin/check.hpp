// `ccp plugin check`: whether a plugin keeps the contract. Hands over to ccp-plugin-check, which lies beside
// this program and brings everything that running a plugin needs.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginCheck(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
