#include "cli/policy_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/policy/eval.hpp"

namespace ccp::cli {

void addPolicyCommands(CommandTree& tree) {
  auto& policy = tree.group(tree.root(), "policy", "Write, test, sign and operate policies");
  // Writing and reading

  // Deciding, and deciding again
  addPolicyEval(tree, policy);

  // Keys and signatures

  // Publishing and operating
}

}  // namespace ccp::cli
