// ccp admin plans diff: what a changed catalog does to existing customers before it is applied.
#include "cli/commands/admin.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/output.hpp"
#include "cli/support/plan_table.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

constexpr std::size_t kMaxCatalog = 1u << 20;

std::string valueText(const Json& value) {
  if (value.isNull()) return "–";
  if (const auto* text = value.asString()) return printable(*text);
  if (value.find("amount_minor")) return amountText(value);
  if (value.find("tiers")) {
    std::string out;
    for (const auto& tier : value["tiers"].items()) {
      const auto up_to = tier.optInt("up_to");
      out += (out.empty() ? "" : ", ") + moneyText(tier.intOr("amount_minor"), printable(value.strOr("currency"))) +
             (up_to ? " up to " + std::to_string(*up_to) : " beyond");
    }
    return out;
  }
  return printable(value.dump());
}

void showChanges(const Context& context, const Json& changes, const char* indent) {
  for (const auto& each : changes.items()) {
    context.out << indent << printable(each.strOr("what")) << ": " << valueText(each["before"]) << " → " << valueText(each["after"]) << "\n";
  }
}

std::string counted(std::int64_t n, const char* one, const char* many) { return withThousands(n) + " " + (n == 1 ? one : many); }

}  // namespace

Outcome<int> runAdminPlansDiff(const Context& context, const AdminOptions& options, const std::string& file) {
  std::string text;
  if (!file.empty()) {
    CLI_TRY(text, readFile(file, kMaxCatalog));
    if (text.empty()) return failed(Errc::usage_error, file + " is empty.", "Name a file with a plan catalog.");
  }
  CLI_TRY(const auto response, operatorExchange(context, options.operator_key, "POST", "/v1/admin/plans/diff",
                                                text.empty() ? std::nullopt : std::optional(text), {{"Content-Type", "application/yaml"}}));
  if (response.status >= 400) {
    Failure failure(errorFrom(response));
    if (failure.exit == kNotLoggedIn) failure.next_step = "Check the operator key.";
    return failed(std::move(failure));
  }
  const Json& answer = response.json;
  const bool refused = answer.boolOr("refused");
  const int exit = refused ? kCheckFailed : kOk;
  if (context.json) {
    context.emit(answer);
    return exit;
  }
  if (answer["plans"].empty()) {
    say(context, "Nothing changes for anybody.");
    return exit;
  }
  for (const auto& plan : answer["plans"].items()) {
    context.out << context.bold(printable(plan.strOr("id"))) << " " << plan.strOr("kind");
    if (plan.strOr("kind") != "added") {
      context.out << "; in force for " << counted(plan.intOr("orgs"), "organization", "organizations") << ", "
                  << counted(plan.intOr("seats"), "seat", "seats");
    }
    context.out << "\n";
    showChanges(context, plan["changes"], "  ");
    for (const auto& price : plan["prices"].items()) {
      context.out << "  price " << context.bold(printable(price.strOr("id"))) << " " << price.strOr("kind");
      if (price.strOr("kind") != "added") {
        context.out << "; " << counted(price.intOr("subscriptions"), "running subscription", "running subscriptions") << ", "
                    << counted(price.intOr("seats"), "seat", "seats");
      }
      context.out << "\n";
      showChanges(context, price["changes"], "    ");
    }
  }
  for (const auto& refusal : answer["refusals"].items()) {
    context.out << context.bad("Refused: ") << printable(*refusal.asString()) << "\n";
  }
  if (refused) context.out << "A reload refuses this catalog. Keep such prices, marked `retired: true`, until their subscriptions have ended.\n";
  return exit;
}

}  // namespace ccp::cli
