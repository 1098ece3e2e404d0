// `ccp plugin sign`: hashes and signature of a package.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPluginSign(CommandTree& tree, CLI::App& plugin);

}  // namespace ccp::cli
