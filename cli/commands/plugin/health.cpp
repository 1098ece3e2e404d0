#include "cli/commands/plugin/health.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/instance_view.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key;
  std::string instance;
};

Outcome<int> run(const Context& context, const Options& options) {
  std::vector<std::string> names{options.instance};
  if (options.instance.empty()) {
    CLI_TRY(const auto list, operatorCall(context, options.operator_key, "GET", "/v1/admin/plugins"));
    names.clear();
    for (const auto& plugin : list["plugins"].items()) names.push_back(plugin.strOr("name"));
  }
  Json all = Json::array();
  int failing = 0;
  for (const auto& name : names) {
    CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "GET", "/v1/admin/plugins/" + urlEncode(name) + "/health"));
    const Json& health = answer["health"];
    failing += health.strOr("status") == "failing" ? 1 : 0;
    all.push(health);
    if (context.json) continue;
    const std::string detail = printable(health.strOr("detail"));
    say(context, printable(name) + ": " + stateText(context, health.strOr("status")) + (detail.empty() ? "" : ", " + detail));
  }
  if (context.json) context.emit(Json::object({{"health", std::move(all)}}));
  return failing > 0 ? kCheckFailed : kOk;
}

}  // namespace

void addPluginHealth(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(plugin, "health", "Ask plugin instances how they are",
                           [options](const Context& c) { return run(c, *options); },
                           "Asks the plugin itself, now. Exit code 1 when one says that it is failing.");
  option(app, "instance", options->instance, "Name of the instance; all of them without it");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
