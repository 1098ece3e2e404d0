#include "cli/billing_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/billing/doctor.hpp"
#include "cli/commands/billing/migrate.hpp"
#include "cli/commands/billing/portal.hpp"
#include "cli/commands/billing/reconcile.hpp"

namespace ccp::cli {

void addBillingCommands(CommandTree& tree) {
  auto& billing =
      tree.group(tree.root(), "billing", "Your billing portal; operating billing (the rest needs the operator key)");
  addBillingPortal(tree, billing);
  addBillingDoctor(tree, billing);
  addBillingReconcile(tree, billing);
  addBillingMigrate(tree, billing);
}

}  // namespace ccp::cli
