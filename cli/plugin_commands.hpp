// `ccp plugin …`: for authors (keys, signing, checking) and operators (trust, swap). Each command is
// one file in commands/plugin/ that adds itself, with the options it keeps, to the group.
#pragma once

namespace ccp::cli {

class CommandTree;

void addPluginCommands(CommandTree& tree);

}  // namespace ccp::cli
