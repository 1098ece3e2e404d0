#include "cli/commands/plugin/swap.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/commands/plugin/instance_view.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

/// Creating, configuring, starting and draining each take their time; the server bounds them.
constexpr Duration kPatience = minutes(2);

struct Options {
  std::string operator_key;
  std::string instance;
  std::string reason;
};

std::string factsText(const Json& facts) {
  return printable(facts.strOr("plugin")) + " " + printable(facts.strOr("version")) + " (" + trustText(facts.strOr("trust")) + ", " +
         printable(facts.strOr("isolation")) + ")";
}

Outcome<Json> ask(const Context& context, const Options& options, const char* what) {
  Context patient = context;
  patient.timeout = kPatience;
  Json body = Json::object();
  if (!options.reason.empty()) body.set("reason", options.reason);
  return operatorCall(patient, options.operator_key, "POST", "/v1/admin/plugins/" + urlEncode(options.instance) + "/" + what, body);
}

void sayLeftBehind(const Context& context, const Json& change) {
  if (!change.boolOr("drained", true)) hint(context, "Calls still run in the old instance; it ends when they return.");
}

Outcome<int> swap(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, ask(context, options, "swap"));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const Json& change = answer["change"];
  say(context, context.good("Swapped ") + context.bold(printable(options.instance)) + ": " + factsText(change["before"]) + " → " + factsText(change["after"]) +
                   ", " + stateText(context, answer["plugin"].strOr("state")));
  sayLeftBehind(context, change);
  return kOk;
}

Outcome<int> drain(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, ask(context, options, "drain"));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  say(context, "Drained " + context.bold(printable(options.instance)) + ": " + factsText(answer["change"]["before"]) + " takes no calls any more.");
  sayLeftBehind(context, answer["change"]);
  hint(context, "ccp plugin swap " + options.instance + " brings it back.");
  return kOk;
}

void addOptions(CLI::App& app, Options& options) {
  option(app, "instance", options.instance, "Name of the instance").required();
  option(app, "--reason", options.reason, "For the audit log").typeName("TEXT");
  CommandTree::addOperatorKey(app, options.operator_key);
}

}  // namespace

void addPluginSwap(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  addOptions(tree.command(plugin, "swap", "Replace a plugin instance while it serves",
                          [options](const Context& c) { return swap(c, *options); },
                          "Reads the package again, and creates, configures, starts and checks a new instance beside the old one.\n"
                          "Then calls go to the new one and the old one ends. Whatever fails, the old one goes on serving."),
             *options);
}

void addPluginDrain(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  addOptions(tree.command(plugin, "drain", "Take a plugin instance out of service",
                          [options](const Context& c) { return drain(c, *options); },
                          "Calls that run are waited for; new ones are told that the plugin is not available.\n"
                          "`ccp plugin swap` brings the instance back."),
             *options);
}

}  // namespace ccp::cli
