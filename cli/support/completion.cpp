#include "cli/support/completion.hpp"

#include <algorithm>
#include <functional>

namespace ccp::cli {
namespace {

/// Calls `visit` with the words before and every command, root first.
void walk(const CommandNode& node, const std::string& path,
          const std::function<void(const std::string&, const CommandNode&)>& visit) {
  visit(path, node);
  for (const auto& child : node.commands)
    walk(child, path.empty() ? child.name : path + " " + child.name, visit);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string words(const CommandNode& node, const CommandNode& root) {
  std::string out;
  for (const auto& child : node.commands) out += child.name + " ";
  for (const auto& [name, help] : node.options) out += name + " ";
  if (&node != &root) {
    for (const auto& [name, help] : root.options) out += name + " ";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string bash(const CommandNode& root) {
  std::string cases, commands;
  walk(root, "", [&](const std::string& path, const CommandNode& node) {
    if (!path.empty()) commands += (commands.empty() ? "" : "|") + quoted(path);
    cases += "    " + quoted(path) + ") words=" + quoted(words(node, root)) + " ;;\n";
  });
  return "# ccp completion for bash: source <(ccp completion bash)\n"
         "_ccp() {\n"
         "  local path='' word words=''\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"${path:+$path }$word\" in " +
         commands +
         ") path=\"${path:+$path }$word\" ;; esac\n"
         "  done\n"
         "  case $path in\n" +
         cases +
         "    *) words='' ;;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o default -F _ccp ccp\n";
}

std::string zsh(const CommandNode& root) {
  return "#compdef ccp\n# ccp completion for zsh: source <(ccp completion zsh)\nautoload -U +X "
         "bashcompinit && bashcompinit\n" +
         bash(root);
}

std::string fish(const CommandNode& root) {
  std::string out = "# ccp completion for fish: ccp completion fish | source\ncomplete -c ccp -f\n";
  walk(root, "", [&](const std::string& path, const CommandNode& node) {
    std::string condition = path.empty() ? "__fish_use_subcommand" : "";
    std::size_t at = 0;
    while (at < path.size()) {
      const auto end = std::min(path.find(' ', at), path.size());
      condition += (condition.empty() ? "" : "; and ") +
                   std::string("__fish_seen_subcommand_from ") + path.substr(at, end - at);
      at = end + 1;
    }
    // A word of a group that has been given is not offered again; below the last word stand files too.
    if (!path.empty() && !node.commands.empty()) {
      condition += "; and not __fish_seen_subcommand_from";
      for (const auto& child : node.commands) condition += " " + child.name;
    }
    if (node.commands.empty()) out += "complete -c ccp -n " + quoted(condition) + " -F\n";
    for (const auto& child : node.commands)
      out += "complete -c ccp -n " + quoted(condition) + " -a " + child.name + " -d " +
             quoted(child.help) + "\n";
    for (const auto& [name, help] : node.options) {
      out += "complete -c ccp" + (path.empty() ? std::string() : " -n " + quoted(condition)) +
             " -l " + name.substr(2) + " -d " + quoted(help) + "\n";
    }
  });
  return out;
}

}  // namespace

std::string completionScript(const CommandNode& root, const std::string& shell) {
  if (shell == "zsh") return zsh(root);
  if (shell == "fish") return fish(root);
  return bash(root);
}

}  // namespace ccp::cli
