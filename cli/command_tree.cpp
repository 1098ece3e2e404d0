#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>

namespace ccp::cli {

CommandTree::CommandTree(const char* name, const char* help)
    : root_(std::make_unique<CLI::App>(help, name)) {
  root_->require_subcommand(0, 1);  // "ccp help login" is one command with an argument
  root_->set_help_all_flag("");
  prepare(*root_);
}

CommandTree::~CommandTree() = default;

void CommandTree::prepare(CLI::App& app) {
  // The options of every command may stand before or after its name.
  app.add_flag("--json", globals_.json, "Machine-readable output on stdout, errors too")
      ->group("Everywhere");
  app.add_option("--server", globals_.server,
                 "The server (else CCP_SERVER, else the one of the login)")
      ->type_name("URL")
      ->group("Everywhere");
  app.add_option("--config-dir", globals_.config_dir, "Keep everything in this folder")
      ->type_name("DIR")
      ->group("Everywhere");
  app.add_flag("--quiet", globals_.quiet, "No progress and no hints")->group("Everywhere");
  if (app.get_help_ptr() != nullptr) app.get_help_ptr()->group("Everywhere");
}

CLI::App& CommandTree::group(CLI::App& parent, const char* name, const char* help) {
  auto& app = *parent.add_subcommand(name, help);
  app.require_subcommand(0, 1);
  prepare(app);
  return app;
}

CLI::App& CommandTree::command(CLI::App& parent, const char* name, const char* help, Run run,
                               const char* more) {
  auto& app = group(parent, name, help);
  app.footer(more);
  runs_[&app] = std::move(run);
  return app;
}

void CommandTree::addOperatorKey(CLI::App& app, std::string& file) {
  app.add_option("--operator-key", file, "File with the operator key (else CCP_OPERATOR_KEY)")
      ->type_name("FILE");
}

CLI::App* CommandTree::chosen() const {
  CLI::App* at = root_.get();
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return at;
}

const CommandTree::Run* CommandTree::runOf(const CLI::App* app) const {
  const auto found = runs_.find(app);
  return found == runs_.end() ? nullptr : &found->second;
}

std::string CommandTree::helpOf(const CLI::App* app) const {
  std::string before;  // the words before the command's own name
  for (const CLI::App* at = app; at != root_.get(); at = at->get_parent()) {
    const auto parent = at->get_parent()->get_name();
    before = before.empty() ? parent : parent + " " + before;
  }
  return app->help(before);
}

std::string CommandTree::helpCommandOf(const CLI::App* app) const {
  std::string words;
  for (const CLI::App* at = app; at != root_.get(); at = at->get_parent()) words = " " + at->get_name() + words;
  return root_->get_name() + " help" + words;
}

}  // namespace ccp::cli
