// The commands for people who manage their organization: seats, invitations, members.
#pragma once

namespace ccp::cli {

class CommandTree;

void addOrgCommands(CommandTree& tree);

}  // namespace ccp::cli
