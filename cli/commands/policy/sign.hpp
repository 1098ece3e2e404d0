// `ccp policy sign`: from a folder to a signed pack, and a further signature on one.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicySign(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
