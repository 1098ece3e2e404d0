#include "cli/plugin_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/keygen.hpp"
#include "cli/commands/plugin/new.hpp"

namespace ccp::cli {

void addPluginCommands(CommandTree& tree) {
  auto& plugin = tree.group(tree.root(), "plugin", "Write, sign, check and operate plugins");
  addPluginNew(tree, plugin);
  addPluginKeygen(tree, plugin);
}

}  // namespace ccp::cli
