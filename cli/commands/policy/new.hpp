// `ccp policy new`: writes a pack's folder: policies, tests, editor stubs, ready to lint and test.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyNew(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
