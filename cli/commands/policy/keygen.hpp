// `ccp policy keygen`: a key that signs policies, and its public half with the name of who holds it.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyKeygen(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
