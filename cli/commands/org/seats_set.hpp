// `ccp seats set`: how many seats the organization pays for.
#pragma once

namespace CLI {
class App;
}

namespace ccp::cli {

class CommandTree;

void addSeatsSet(CommandTree& tree, CLI::App& seats);

}  // namespace ccp::cli
