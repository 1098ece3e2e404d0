// ccp plan: what there is to buy, side by side, the current plan and price marked.
#include "cli/commands/account.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/output.hpp"
#include "cli/support/plan_table.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

std::string titleOf(const Json& plans, const std::string& id) {
  for (const auto& plan : plans.items()) {
    if (plan.strOr("id") == id) return plan.strOr("title", id);
  }
  return id;
}

bool sells(const Json& plans) {
  for (const auto& plan : plans.items()) {
    if (!plan["prices"].empty()) return true;
  }
  return false;
}

}  // namespace

Done runPlan(const Context& context) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("GET", "/v1/plans"));
  const Json& current = answer["current"];
  const auto plan = current.strOr("plan"), price = current.strOr("price");
  renewPackIfDue(context, server, plan);
  if (context.json) {
    context.emit(answer);
    return {};
  }
  const Json& plans = answer["plans"];
  const std::string bold = context.color ? "\033[1m" : "", reset = context.color ? "\033[0m" : "";
  context.out << planTable(plans, plan, bold, reset);
  if (sells(plans)) context.out << "\n" << priceTable(plans, price, bold, reset);
  context.out << "\n* Your plan is " << context.good(printable(titleOf(plans, plan)));
  if (!price.empty()) {
    context.out << " by " << printable(price);
    if (const auto quantity = current.intOr("quantity"); quantity > 1) context.out << ", " << withThousands(quantity) << " seats";
    if (current["amount"].isObject()) {
      context.out << ", " << amountText(current["amount"]) << " a " << printable(current.strOr("interval"));
    }
  }
  context.out << ".\n";
  if (price.empty()) {
    context.out << "Buy with: ccp upgrade PRICE\n";
  } else {
    context.out << "Change with: ccp upgrade PRICE, or ccp seats set N\n";
  }
  return {};
}

}  // namespace ccp::cli
