// `ccp policy stubs`: the annotations that let an editor help with policies.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyStubs(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
