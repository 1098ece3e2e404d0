#include "cli/support/plan_table.hpp"

#include <algorithm>

#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

constexpr std::int64_t kUnlimited = 9007199254740991;  // core/config/plan_catalog.hpp

void note(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

bool has(const Json& list, const std::string& word) {
  return std::any_of(list.items().begin(), list.items().end(),
                     [&](const Json& item) { return item.asString() && *item.asString() == word; });
}

std::string spaced(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string unitText(const Json& price) {
  return "per " + price.strOr("per") + " and " + price.strOr("interval");
}

}  // namespace

std::string amountText(const Json& money) {
  return money.isObject() ? moneyText(money.intOr("amount_minor"), printable(money.strOr("currency"))) : "–";
}

std::string limitText(const Json& value) {
  const auto n = value.asInt();
  if (!n) return "–";
  return *n >= kUnlimited ? "unlimited" : withThousands(*n);
}

std::string planTable(const Json& plans, const std::string& current, std::string_view bold,
                      std::string_view reset) {
  std::vector<TextTable::Column> columns{{""}};
  std::vector<std::string> limits, features;
  for (const auto& plan : plans.items()) {
    const bool mine = plan.strOr("id") == current;
    columns.push_back({(mine ? "* " : "") + printable(plan.strOr("title")), Align::right});
    for (const auto& [name, value] : plan["limits"].members()) note(limits, name);
    for (const auto& feature : plan["entitlements"].items()) {
      if (feature.asString()) note(features, *feature.asString());
    }
  }
  TextTable table(std::move(columns));
  const auto row = [&](const std::string& name, const auto& cell) {
    std::vector<std::string> cells{printable(name)};
    for (const auto& plan : plans.items()) cells.push_back(cell(plan));
    table.row(std::move(cells));
  };
  for (const auto& name : limits) {
    row(spaced(name), [&](const Json& plan) { return limitText(plan["limits"][name]); });
  }
  for (const auto& name : features) {
    row(name, [&](const Json& plan) -> std::string { return has(plan["entitlements"], name) ? "yes" : "–"; });
  }
  return table.text(bold, reset);
}

std::string priceTable(const Json& plans, const std::string& current_price, std::string_view bold,
                       std::string_view reset) {
  TextTable table({{"PRICE"}, {"PLAN"}, {"AMOUNT", Align::right}, {""}, {"FREE TRIAL"}, {"PRIVACY"}});
  for (const auto& plan : plans.items()) {
    for (const auto& price : plan["prices"].items()) {
      const auto id = price.strOr("id");
      const auto days = price.intOr("trial_days");
      const auto& tiers = price["tiers"].items();
      const auto step = [&](std::size_t i) -> std::string {
        if (tiers.empty()) return unitText(price);
        const auto up_to = tiers[i].optInt("up_to");
        if (up_to) return unitText(price) + ", up to " + withThousands(*up_to);
        return i == 0 ? unitText(price) : unitText(price) + ", beyond";
      };
      table.row({(id == current_price ? "* " : "  ") + printable(id), printable(plan.strOr("title")),
                 amountText(tiers.empty() ? price["amount"] : tiers.front()["amount"]), step(0),
                 days > 0 ? std::to_string(days) + " days" : "–",
                 price.strOr("privacy") + (price.boolOr("retired") ? ", not sold any more" : "")});
      for (std::size_t i = 1; i < tiers.size(); ++i) table.row({"", "", amountText(tiers[i]["amount"]), step(i), "", ""});
    }
  }
  return table.text(bold, reset);
}

}  // namespace ccp::cli
