// `ccp policy replay`: last month decided again with a draft.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyReplay(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
