// ccp billing doctor: what providers and the server disagree about, and the repair.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addBillingDoctor(CommandTree& tree, CLI::App& billing);

}  // namespace ccp::cli
