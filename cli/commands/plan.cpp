// ccp plan: what there is to buy, the current plan marked.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "cli/commands/account.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/server.hpp"

namespace ccp::cli {
namespace {

std::string money(const Json& amount) {
  char text[64];
  const auto minor = amount.intOr("amount_minor");
  std::snprintf(text, sizeof text, "%lld.%02lld %s", static_cast<long long>(minor / 100),
                static_cast<long long>(minor % 100), amount.strOr("currency").c_str());
  return text;
}

std::string joined(const Json& list) {
  std::string out;
  for (const auto& item : list.items()) out += (out.empty() ? "" : ", ") + *item.asString();
  return out;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

Done runPlan(const Context& context) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("GET", "/v1/plans"));
  renewPackIfDue(context, server, answer["current"].strOr("plan"));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  const auto current = answer["current"].strOr("plan");
  for (const auto& plan : answer["plans"].items()) {
    const bool mine = plan.strOr("id") == current;
    context.out << (mine ? context.good("* ") : "  ") << context.bold(plan.strOr("title"))
                << (mine ? context.good("  your plan") : "") << "\n";
    if (const auto features = joined(plan["entitlements"]); !features.empty())
      context.out << "    " << context.dim(features) << "\n";
    for (const auto& price : plan["prices"].items()) {
      std::string line = "    " + padded(price.strOr("id"), 18) +
                         padded(money(price["amount"]), 12) + " per " + price.strOr("per") +
                         " and " + price.strOr("interval");
      if (price.intOr("trial_days") > 0)
        line += ", " + std::to_string(price.intOr("trial_days")) + " days free";
      if (price.strOr("privacy") == "full") line += ", full privacy tier";
      context.out << line << "\n";
    }
  }
  context.out << "\nBuy with: ccp upgrade PRICE\n";
  return {};
}

}  // namespace ccp::cli
