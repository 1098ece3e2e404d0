#include "cli/commands/billing/migrate.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/plan_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key, org, to;
  bool dry_run = false, cancel = false, status = false;
};

std::string money(const Json& amount) {
  return amount.isObject() ? amountText(amount) : "not said";
}

/// What happens next, in the words of the person who waits for it.
std::string explain(const Json& move) {
  const auto state = move.strOr("state");
  const auto to = printable(move.strOr("to")), from = printable(move.strOr("from"));
  if (state == "planned")
    return "Nothing has been sold at " + to + " yet; the server goes on by itself.";
  if (state == "checkout_open")
    return "Send the customer this link. Until they agree, nothing changes at " + from + ".";
  if (state == "confirmed")
    return "The customer agreed at " + to + "; " + from + " is being told to end.";
  if (state == "scheduled")
    return "Both are settled: " + from + " ends and " + to + " charges at " +
           printable(move.strOr("first_charge_at")) + ".";
  if (state == "done") return "Done: the organization pays through " + to + ".";
  if (state == "cancelled") return "Cancelled: the organization goes on paying through " + from + ".";
  return "This move cannot go on.";
}

void show(const Context& context, const Json& move) {
  say(context, context.bold(printable(move.strOr("from")) + " -> " + printable(move.strOr("to"))) +
                   "  " + printable(move.strOr("state")));
  say(context, "  price          " + printable(move.strOr("price")) + " x " +
                   std::to_string(move.intOr("quantity")));
  if (const auto at = move.strOr("first_charge_at"); !at.empty())
    say(context, "  first payment  " + printable(at));
  if (const auto url = move.strOr("url"); !url.empty() && move.strOr("state") == "checkout_open")
    say(context, "  link           " + printable(url));
  if (const auto error = move.strOr("error"); !error.empty())
    say(context, "  " + context.bad(printable(error)));
  say(context, "\n" + explain(move));
}

Outcome<int> run(const Context& patient, const Options& options) {
  Context context = patient;
  context.timeout = minutes(1);  // two providers are asked
  const std::string base = "/v1/admin/orgs/" + urlEncode(options.org) + "/billing/move";
  Json answer;
  if (options.status) {
    CLI_TRY(answer, operatorCall(context, options.operator_key, "GET", base));
  } else if (options.cancel) {
    CLI_TRY(answer, operatorCall(context, options.operator_key, "POST", base + "/cancel",
                                 Json::object()));
  } else {
    if (options.to.empty())
      return failed(Errc::usage_error, "Where to?", "Name a billing instance: --to stripe.");
    CLI_TRY(answer, operatorCall(context, options.operator_key, "POST", base,
                                 Json::object({{"to", options.to}, {"dry_run", options.dry_run}})));
  }
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  if (!options.dry_run) {
    show(context, answer["move"]);
    return answer["move"].strOr("state") == "failed" ? kCheckFailed : kOk;
  }
  const Json& move = answer["move"];
  say(context, context.bold("This is what would happen; nothing was changed."));
  say(context, "  plan           " + printable(answer.strOr("plan")) + ", " +
                   printable(move.strOr("price")) + " x " + std::to_string(move.intOr("quantity")));
  say(context, "  pays now       " + money(answer["pays_now"]) + " at " +
                   printable(move.strOr("from")));
  say(context, "  there          " + money(answer["unit_there"]) + " a unit at " +
                   printable(move.strOr("to")));
  say(context, "  first payment  " + printable(move.strOr("first_charge_at")) +
                   ", when the paid period ends");
  if (const auto opens = answer.strOr("opens_at"); !opens.empty())
    say(context, "  checkout opens " + printable(opens) +
                     ", after the next renewal: this period ends too soon");
  for (const auto& warning : answer["warnings"].items())
    say(context, "  " + context.bad("! ") + printable(*warning.asString()));
  say(context, "\nThe customer agrees in a checkout at " + printable(move.strOr("to")) +
                   "; then " + printable(move.strOr("from")) +
                   " is told to end with the period. The license goes on without a gap.");
  hint(context, "Do it: the same without --dry-run.");
  return kOk;
}

}  // namespace

void addBillingMigrate(CommandTree& tree, CLI::App& billing) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      billing, "migrate", "Move a paying organization to another billing provider",
      [options](const Context& c) { return run(c, *options); },
      "A payment method cannot be carried over: the customer agrees in a checkout at the new\n"
      "provider, whose first payment is due when the paid period of the old one ends.\n\n"
      "  ccp billing migrate --org org_01k... --to stripe --dry-run\n"
      "  ccp billing migrate --org org_01k... --to stripe\n"
      "  ccp billing migrate --org org_01k... --status");
  option(app, "--org", options->org, "The organization's id").typeName("ORG").required();
  option(app, "--to", options->to, "A billing instance of the configuration").typeName("INSTANCE");
  auto dry = flag(app, "--dry-run", options->dry_run, "Say what would happen, change nothing");
  auto cancel = flag(app, "--cancel", options->cancel, "Stop; the old subscription goes on");
  flag(app, "--status", options->status, "Where the last move stands")
      .excludes(cancel)
      .excludes(dry);
  cancel.excludes(dry);
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
