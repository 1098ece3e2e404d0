// `ccp policy root …`: the document that says who may sign, from its making to the change of its keys.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

/// The group, for `root push`.
CLI::App& addPolicyRoot(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
