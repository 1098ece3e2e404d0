#include "cli/plugin_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/check.hpp"
#include "cli/commands/plugin/health.hpp"
#include "cli/commands/plugin/inspect.hpp"
#include "cli/commands/plugin/keygen.hpp"
#include "cli/commands/plugin/list.hpp"
#include "cli/commands/plugin/new.hpp"
#include "cli/commands/plugin/sign.hpp"
#include "cli/commands/plugin/swap.hpp"
#include "cli/commands/plugin/trust.hpp"
#include "cli/commands/plugin/verify.hpp"

namespace ccp::cli {

void addPluginCommands(CommandTree& tree) {
  auto& plugin = tree.group(tree.root(), "plugin", "Write, sign, check and operate plugins");
  addPluginNew(tree, plugin);
  addPluginCheck(tree, plugin);
  addPluginKeygen(tree, plugin);
  addPluginSign(tree, plugin);
  addPluginVerify(tree, plugin);
  addPluginTrust(tree, plugin);
  addPluginList(tree, plugin);
  addPluginInspect(tree, plugin);
  addPluginHealth(tree, plugin);
  addPluginSwap(tree, plugin);
  addPluginDrain(tree, plugin);
}

}  // namespace ccp::cli
