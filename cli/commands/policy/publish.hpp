// `ccp policy push`, `promote`, `rollback` and `root push`: what changes which policies are live.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyPush(CommandTree& tree, CLI::App& policy);
void addPolicyPromote(CommandTree& tree, CLI::App& policy);
void addPolicyRollback(CommandTree& tree, CLI::App& policy);
/// Into the group `root`.
void addPolicyRootPush(CommandTree& tree, CLI::App& root);

}  // namespace ccp::cli
