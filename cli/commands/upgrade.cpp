// ccp upgrade: checkout in the browser, then waits until the license follows the money.
#include <algorithm>
#include <vector>

#include "cli/commands/account.hpp"
#include "cli/support/browser.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/output.hpp"
#include "cli/support/plan_change.hpp"
#include "cli/support/server.hpp"
#include "cli/support/wait.hpp"

namespace ccp::cli {
namespace {

/// With no price named: the only one that is sold, or a list to choose from.
Outcome<std::string> choosePrice(const Json& plans) {
  std::vector<std::string> ids;
  for (const auto& plan : plans["plans"].items()) {
    for (const auto& price : plan["prices"].items()) ids.push_back(price.strOr("id"));
  }
  if (ids.size() == 1) return ids.front();
  std::string list;
  for (const auto& id : ids) list += (list.empty() ? "" : ", ") + id;
  return failed(Errc::usage_error, "Which price? There are: " + list + ".",
                "See ccp plan, then ccp upgrade PRICE.");
}

/// The plan that a price belongs to; empty when the catalog does not have it.
std::string planOf(const Json& plans, const std::string& price_id) {
  for (const auto& plan : plans["plans"].items()) {
    for (const auto& price : plan["prices"].items()) {
      if (price.strOr("id") == price_id) return plan.strOr("id");
    }
  }
  return {};
}

bool isLive(const Json& license, const std::string& plan) {
  const auto state = license.strOr("state");
  return license.strOr("plan") == plan && (state == "active" || state == "trial");
}

/// A plan that is paid for already changes at its provider; no page is needed.
Done changeRunning(const Context& context, Server& server, const UpgradeOptions& options, const std::string& price) {
  Json body = Json::object({{"price", price}, {"proration", options.proration}});
  if (options.quantity > 0) body.set("quantity", options.quantity);
  CLI_TRY(const auto answer, server.call("POST", "/v1/billing/change", body, {{"Idempotency-Key", newToken(context.random)}}));
  // The change is made whether or not the pack comes now: the next command fetches it as well.
  if (!fetchPack(context, server, false)) hint(context, "The new license pack comes with the next `ccp status`.");
  if (context.json) {
    context.emit(answer);
    return {};
  }
  showChange(context, answer);
  return {};
}

}  // namespace

Done runUpgrade(const Context& context, const UpgradeOptions& options) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto plans, server.call("GET", "/v1/plans"));
  std::string price = options.price;
  if (price.empty()) {
    CLI_TRY(price, choosePrice(plans));
  }
  if (!plans["current"].strOr("price").empty()) return changeRunning(context, server, options, price);
  const auto plan = planOf(plans, price);
  // One key for one intent: a repeated request after a lost answer makes no second checkout.
  CLI_TRY(const auto made,
          server.call("POST", "/v1/billing/checkout",
                      Json::object({{"price", price}, {"quantity", std::max(options.quantity, 1)}}),
                      {{"Idempotency-Key", newToken(context.random)}}));
  const Json& checkout = made["checkout"];
  const auto url = checkout.strOr("url");
  const bool opened = !options.no_browser && openBrowser(url);
  if (context.json)
    context.emit(made);
  else
    context.out << "Checkout for " << context.bold(price)
                << (opened ? " is opening in your browser:" : ":") << "\n\n  " << url << "\n\n";
  if (options.no_wait) return {};
  if (!context.json)
    context.out << "Waiting for the payment... (Ctrl-C stops waiting; the checkout stays open)"
                << std::endl;

  const auto end = context.clock.now() + seconds(options.timeout_s);
  auto pause = milliseconds(500);
  while (context.clock.now() < end) {
    waiter()(pause);
    pause = std::min<milliseconds>(seconds(5), pause * 5 / 4);
    const auto state = server.call("GET", "/v1/billing/checkout/" + checkout.strOr("id"));
    if (!state) {
      if (Failure(state.error()).exit == kUnreachable) continue;
      return failed(Failure(state.error()));
    }
    const auto word = (*state)["checkout"].strOr("status");
    if (word == "expired" || word == "failed")
      return failed(Errc::conflict, "The checkout " + word + " without a payment.",
                    "Run ccp upgrade again.");
    CLI_TRY(const auto status, server.call("GET", "/v1/license/status"));
    if (!isLive(status["license"], plan)) continue;
    CLI_TRY(const auto pack, fetchPack(context, server, false));
    if (context.json) {
      context.emit(Json::object({{"license", status["license"]},
                                 {"pack_expires_at", formatRfc3339(pack.claims.expires_at)}}));
    } else {
      context.out << context.good("Done.") << " Your plan is "
                  << context.bold(status["license"].strOr("plan_title")) << " ("
                  << status["license"].strOr("state") << "); the new license pack is in place.\n";
    }
    return {};
  }
  return failed(Errc::deadline_exceeded, "The payment did not arrive in time.",
                "The checkout stays open; ccp status shows when the license is active.");
}

}  // namespace ccp::cli
