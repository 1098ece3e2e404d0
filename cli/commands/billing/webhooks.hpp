// ccp admin webhooks: what providers sent, and what became of it.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;
void addAdminWebhooks(CommandTree& tree, CLI::App& admin);

}  // namespace ccp::cli
