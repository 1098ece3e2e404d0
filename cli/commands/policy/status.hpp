// `ccp policy status` and `ccp policy reload`: which policies this machine and the server decide with.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyStatus(CommandTree& tree, CLI::App& policy);
void addPolicyReload(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
