// `ccp policy lint`: mistakes that can be seen without running a policy, with place and next step.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyLint(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
