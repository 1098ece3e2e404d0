#include "cli/commands/billing/reconcile.hpp"

#include <chrono>
#include <memory>
#include <thread>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key;
  bool status = false;
};

Outcome<int> run(const Context& patient, const Options& options) {
  Context context = patient;
  context.timeout = minutes(1);
  if (!options.status) {
    CLI_TRY([[maybe_unused]] const auto scheduled,
            operatorCall(context, options.operator_key, "POST", "/v1/admin/billing/reconcile",
                         Json::object()));
  }
  CLI_TRY(const auto answer,
          operatorCall(context, options.operator_key, "GET", "/v1/admin/billing"));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const Json& report = answer["reconciler"];
  if (!options.status)
    say(context, "Every customer is being compared; the providers' rates decide how fast "
                 "(billing.calls_per_minute).");
  say(context, "Since the start: " + std::to_string(report.intOr("subscriptions")) +
                   " subscriptions compared, " + std::to_string(report.intOr("repaired")) +
                   " repaired, " + std::to_string(report.intOr("recovered")) +
                   " refunds and disputes recovered.");
  for (const auto& [instance, n] : report["sweeping"].members())
    say(context, "  " + printable(instance) + ": " + n.dump() + " so far");
  for (const auto& [instance, error] : report["last_error"].members())
    say(context, "  " + context.bad(printable(instance)) + ": " +
                     printable(error.asString() ? *error.asString() : error.dump()));
  hint(context, "Where it stands: ccp billing reconcile --status");
  return kOk;
}

}  // namespace

void addBillingReconcile(CommandTree& tree, CLI::App& billing) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      billing, "reconcile", "Compare every customer with the providers now",
      [options](const Context& c) { return run(c, *options); },
      "The server does so by itself on a schedule (billing.reconcile_interval) and after a start.\n"
      "\n  ccp billing reconcile\n  ccp billing reconcile --status");
  flag(app, "--status", options->status, "Only say where it stands");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
