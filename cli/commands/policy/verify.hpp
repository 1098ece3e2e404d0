// `ccp policy verify`: who signed a policy document, and what is missing.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyVerify(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
