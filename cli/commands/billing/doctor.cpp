#include "cli/commands/billing/doctor.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key, org;
  bool repair = false;
};

void show(const Context& context, const Json& item) {
  const auto level = item.strOr("level");
  const bool repaired = item.boolOr("repaired");
  std::string where;
  for (const char* key : {"instance", "org", "subscription"}) {
    if (const auto value = item.strOr(key); !value.empty())
      where += (where.empty() ? "" : " ") + printable(value);
  }
  const std::string mark = repaired            ? context.good("repaired")
                           : level == "error" ? context.bad("error")
                                              : printable(level);
  say(context, mark + "  " + context.bold(printable(item.strOr("code"))) +
                   (where.empty() ? "" : "  " + context.dim(where)));
  say(context, "  " + printable(item.strOr("text")));
  for (const auto& [name, value] : item["there"].members()) {
    const Json& here = item["here"][name];
    if (item["here"].isObject() && here != value)
      say(context, "    " + name + ": here " + (here.isNull() ? "nothing" : here.dump()) +
                       ", there " + value.dump());
  }
  if (const auto error = item.strOr("repair_error"); !error.empty())
    say(context, "  " + context.bad("not repaired: ") + printable(error));
}

Outcome<int> run(const Context& patient, const Options& options) {
  Context context = patient;
  context.timeout = minutes(2);  // every page asks the provider some twenty times
  Json all = Json::array();
  std::int64_t customers = 0, subscriptions = 0, open = 0, repaired = 0;
  std::string cursor;
  Progress progress(context, options.repair ? "Comparing and repairing" : "Comparing");
  do {
    Json body = Json::object({{"repair", options.repair}});
    if (!options.org.empty()) body.set("org", options.org);
    if (!cursor.empty()) body.set("cursor", cursor);
    CLI_TRY(const auto page, operatorCall(context, options.operator_key, "POST",
                                          "/v1/admin/billing/doctor", body));
    customers += page.intOr("customers");
    subscriptions += page.intOr("subscriptions");
    for (const auto& item : page["differences"].items()) {
      all.push(item);
      const bool fine = item.boolOr("repaired") || item.strOr("level") == "info";
      repaired += item.boolOr("repaired");
      open += !fine;
      if (context.json) continue;
      progress.clear();
      show(context, item);
    }
    progress.update(customers, 0, "customers");
    cursor = page.strOr("next_cursor");
  } while (!cursor.empty());
  progress.clear();
  if (context.json) {
    context.emit(Json::object({{"differences", std::move(all)},
                               {"customers", customers},
                               {"subscriptions", subscriptions},
                               {"repaired", repaired},
                               {"open", open}}));
  } else {
    say(context, std::to_string(customers) + " customers and " + std::to_string(subscriptions) +
                     " subscriptions compared: " +
                     (open == 0 ? context.good("nothing is left to do")
                                : context.bad(std::to_string(open) + " to look at")) +
                     (repaired == 0 ? "" : ", " + std::to_string(repaired) + " repaired") + ".");
    if (open > 0 && !options.repair)
      hint(context, "Repair what the providers' word can settle: ccp billing doctor --repair");
  }
  return open == 0 ? kOk : kCheckFailed;
}

}  // namespace

void addBillingDoctor(CommandTree& tree, CLI::App& billing) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      billing, "doctor", "Explain every difference between the providers and this server",
      [options](const Context& c) { return run(c, *options); },
      "Compares accounts, catalog, customers, subscriptions, refunds and disputes. With --repair\n"
      "the provider's word is applied where it settles the difference. Exit 1: something is left.\n\n"
      "  ccp billing doctor\n"
      "  ccp billing doctor --org org_01k... --repair");
  option(app, "--org", options->org, "Only this organization").typeName("ORG");
  flag(app, "--repair", options->repair, "Apply what the providers say");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
