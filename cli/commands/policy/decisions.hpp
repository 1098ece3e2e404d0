// `ccp policy decisions`: what policies decided, and whether the log of it is what was written.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyDecisions(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
