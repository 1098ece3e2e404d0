// `ccp policy diff`: every input for which two packs answer otherwise.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyDiff(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
