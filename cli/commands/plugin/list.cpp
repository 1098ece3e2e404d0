#include "cli/commands/plugin/list.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/instance_view.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key;
};

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "GET", "/v1/admin/plugins"));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const auto& plugins = answer["plugins"].items();
  if (plugins.empty()) {
    say(context, "No plugin is configured.");
    hint(context, "Add one under `plugins` of ccp.yaml; a running ccpd takes it up by itself.");
    return kOk;
  }
  TextTable table({{"Instance"}, {"Plugin"}, {"Version"}, {"State"}, {"Isolation"}, {"Trust"}, {"Calls", Align::right}, {"Provides"}});
  for (const auto& plugin : plugins) {
    table.row({printable(plugin.strOr("name")), printable(plugin.strOr("plugin")), printable(plugin.strOr("version")), printable(plugin.strOr("state")),
               printable(plugin.strOr("isolation")), trustText(plugin.strOr("trust")), withThousands(plugin.intOr("in_flight")),
               listText(plugin["provides"])});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  for (const auto& plugin : plugins) {
    const std::string name = printable(plugin.strOr("name"));
    if (plugin.strOr("state") != "ready")
      say(context, name + ": " + stateText(context, plugin.strOr("state")) +
                       (plugin.strOr("detail").empty() ? "" : ", " + printable(plugin.strOr("detail"))));
    if (const auto problem = plugin.strOr("trust_problem"); !problem.empty()) say(context, name + ": " + context.bad(printable(problem)));
  }
  return kOk;
}

}  // namespace

void addPluginList(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(plugin, "list", "The plugin instances of a server and their state",
                           [options](const Context& c) { return run(c, *options); });
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
