// `ccp policy test`: runs a pack's own tests in the sandbox; coverage, fuzzing from the schema, speed.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addPolicyTest(CommandTree& tree, CLI::App& policy);

}  // namespace ccp::cli
