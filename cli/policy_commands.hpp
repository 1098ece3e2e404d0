// `ccp policy …`: for authors (new, lint, test, matrix, diff, eval, explain), for people who sign, and for
// operators (push, promote, status). Each command is one file in commands/policy/ that adds itself, with the
// options it keeps, to the group.
#pragma once

namespace ccp::cli {

class CommandTree;

void addPolicyCommands(CommandTree& tree);

}  // namespace ccp::cli
