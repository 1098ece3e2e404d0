#include "cli/org_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/org/api_keys.hpp"
#include "cli/commands/org/members.hpp"
#include "cli/commands/org/seats.hpp"
#include "cli/commands/org/seats_set.hpp"

namespace ccp::cli {

void addOrgCommands(CommandTree& tree) {
  auto& seats = addSeats(tree);
  addSeatsSet(tree, seats);
  addInvite(tree);
  addMembers(tree);
  addApiKeys(tree);
}

}  // namespace ccp::cli
