// `ccp policy matrix`: what a policy answers for every combination of the fields that it reads.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyMatrix(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
