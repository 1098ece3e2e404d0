// The tree of commands and what each of them runs: parsing, help and completion are made from it.
// A group of commands adds itself here (plugin_commands.cpp); app.cpp owns the one tree of a run.
// Commands describe their options through support/options.hpp; CLI/CLI.hpp is for this file and app.cpp. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace CLI {
class App;
}

namespace ccp::cli {

/// The options of every command.
struct Globals {
  bool json = false;
  bool quiet = false;
  std::string server;
  std::string config_dir;
};

/// Commands that only report a Failure have nothing else to say about their exit code.
inline Outcome<int> exitOf(const Done& done) {
  if (!done) return failed(done.error());
  return kOk;
}

class CommandTree {
 public:
  using Run = std::function<Outcome<int>(const Context&)>;

  CommandTree(const char* name, const char* help);
  ~CommandTree();
  CommandTree(const CommandTree&) = delete;
  CommandTree& operator=(const CommandTree&) = delete;

  CLI::App& root() const noexcept { return *root_; }
  const Globals& globals() const noexcept { return globals_; }

  /// A word that only leads to further words.
  CLI::App& group(CLI::App& parent, const char* name, const char* help);
  /// `more` stands below the options in the help: remarks and examples. The tree copies `run`; the
  /// options that it reads must live as long (a member of the owner, or held by the closure).
  CLI::App& command(CLI::App& parent, const char* name, const char* help, Run run,
                    const char* more = "");

  /// For a command that reads no profile: it runs where there is no home folder.
  void standalone(const CLI::App& app) { standalone_.insert(&app); }
  bool isStandalone(const CLI::App* app) const { return standalone_.contains(app); }

  /// --operator-key, for commands that use /v1/admin/*.
  static void addOperatorKey(CLI::App& app, std::string& file);

  /// The deepest command that was named.
  CLI::App* chosen() const;
  const Run* runOf(const CLI::App* app) const;
  std::string helpOf(const CLI::App* app) const;
  /// "ccp help policy lint"
  std::string helpCommandOf(const CLI::App* app) const;

 private:
  void prepare(CLI::App& app);

  std::unique_ptr<CLI::App> root_;
  Globals globals_;
  std::map<const CLI::App*, Run> runs_;
  std::set<const CLI::App*> standalone_;
};

}  // namespace ccp::cli
