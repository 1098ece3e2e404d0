// `ccp api-keys`: what an organization's own programs sign in with.
#pragma once

namespace ccp::cli {

class CommandTree;
void addApiKeys(CommandTree& tree);

}  // namespace ccp::cli
