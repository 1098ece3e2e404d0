// `ccp members list | role | remove`: who belongs to the organization, and as what.
#pragma once

namespace ccp::cli {

class CommandTree;

void addMembers(CommandTree& tree);

}  // namespace ccp::cli
