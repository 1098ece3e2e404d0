#include "cli/support/plan_change.hpp"

#include "cli/support/output.hpp"
#include "cli/support/plan_table.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

std::string sideText(const Json& side) {
  auto out = printable(side.strOr("price"));
  if (side.strOr("per") == "seat") {
    const auto n = side.intOr("quantity");
    out += ", " + withThousands(n) + (n == 1 ? " seat" : " seats");
  }
  if (side["amount"].isObject()) out += ", " + amountText(side["amount"]) + " a " + printable(side.strOr("interval"));
  return out;
}

}  // namespace

void showChange(const Context& context, const Json& answer) {
  const Json& seats = answer["seats"];
  if (!answer.boolOr("changed")) {
    context.out << "Nothing to change: " << sideText(answer["after"]) << ".\n";
  } else {
    context.out << "  before  " << sideText(answer["before"]) << "\n  now     " << context.bold(sideText(answer["after"])) << "\n";
    if (const Json& about = answer["prorated_estimate"]; about.isObject()) {
      const auto minor = about.intOr("amount_minor");
      const auto money = moneyText(minor < 0 ? -minor : minor, printable(about.strOr("currency")));
      if (minor > 0) context.out << "  about " << money << " more for the rest of this period; the provider's invoice counts.\n";
      if (minor < 0) context.out << "  about " << money << " of this period is credited; the provider's invoice counts.\n";
    }
  }
  if (const auto over = seats.intOr("over"); over > 0) {
    const auto paid = seats.intOr("paid");
    context.out << context.bad(std::to_string(over) + (over == 1 ? " assigned seat has" : " assigned seats have")) << " no room among the " << paid
                << " that are paid for, and rest" << (over == 1 ? "s" : "") << ": owners keep theirs, then who claimed longest ago. See `ccp seats`.\n";
  }
}

}  // namespace ccp::cli
