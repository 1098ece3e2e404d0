#include "cli/policy_commands.hpp"

#include "cli/command_tree.hpp"

namespace ccp::cli {

void addPolicyCommands(CommandTree& tree) {
  [[maybe_unused]] auto& policy =
      tree.group(tree.root(), "policy", "Write, test, sign and operate policies");
  // Writing and reading

  // Deciding, and deciding again

  // Keys and signatures

  // Publishing and operating
}

}  // namespace ccp::cli
