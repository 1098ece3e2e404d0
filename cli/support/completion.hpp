// Shell completion from the command tree.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ccp::cli {

struct CommandNode {
  std::string name;
  std::string help;
  std::vector<std::pair<std::string, std::string>> options;  ///< "--json", what it does
  std::vector<CommandNode> commands;
};

/// `shell`: bash, zsh or fish.
std::string completionScript(const CommandNode& root, const std::string& shell);

}  // namespace ccp::cli
