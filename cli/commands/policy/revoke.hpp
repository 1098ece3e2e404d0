// `ccp policy revoke`: a pack that nobody takes any more, on no channel and from no cache.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyRevoke(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
