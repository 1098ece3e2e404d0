// `ccp policy eval`: decides with a policy file or a pack, without a server, a login or a manifest.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyEval(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
