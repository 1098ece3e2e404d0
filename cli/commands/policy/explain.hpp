// `ccp policy explain`: why a decision is what it is, line by line.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyExplain(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
