#include "cli/policy_commands.hpp"

#include "cli/command_tree.hpp"
#include "cli/commands/policy/decisions.hpp"
#include "cli/commands/policy/diff.hpp"
#include "cli/commands/policy/eval.hpp"
#include "cli/commands/policy/explain.hpp"
#include "cli/commands/policy/keygen.hpp"
#include "cli/commands/policy/lint.hpp"
#include "cli/commands/policy/matrix.hpp"
#include "cli/commands/policy/new.hpp"
#include "cli/commands/policy/publish.hpp"
#include "cli/commands/policy/replay.hpp"
#include "cli/commands/policy/revoke.hpp"
#include "cli/commands/policy/root.hpp"
#include "cli/commands/policy/sign.hpp"
#include "cli/commands/policy/status.hpp"
#include "cli/commands/policy/stubs.hpp"
#include "cli/commands/policy/test.hpp"
#include "cli/commands/policy/verify.hpp"

namespace ccp::cli {

void addPolicyCommands(CommandTree& tree) {
  auto& policy = tree.group(tree.root(), "policy", "Write, test, sign and operate policies");
  // Writing and reading
  addPolicyNew(tree, policy);
  addPolicyLint(tree, policy);
  addPolicyTest(tree, policy);
  addPolicyMatrix(tree, policy);
  addPolicyDiff(tree, policy);
  addPolicyStubs(tree, policy);

  // Deciding, and deciding again
  addPolicyEval(tree, policy);
  addPolicyExplain(tree, policy);
  addPolicyDecisions(tree, policy);
  addPolicyReplay(tree, policy);

  // Keys and signatures
  addPolicyKeygen(tree, policy);
  addPolicySign(tree, policy);
  addPolicyVerify(tree, policy);
  addPolicyRootPush(tree, addPolicyRoot(tree, policy));

  // Publishing and operating
  addPolicyPush(tree, policy);
  addPolicyPromote(tree, policy);
  addPolicyRollback(tree, policy);
  addPolicyRevoke(tree, policy);
  addPolicyStatus(tree, policy);
  addPolicyReload(tree, policy);
}

}  // namespace ccp::cli
