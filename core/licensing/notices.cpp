// What people read about their license, by reason of the decision. Texts say what happened, until
// when what works, and what to do.
#include "core/licensing/rules.hpp"

namespace ccp::licensing {
namespace {

/// "21 Nov 2026" reads better than a timestamp where the day is what matters.
std::string day(const std::optional<Timestamp>& at) {
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (!at) return "a date not known yet";
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(*at));
  return std::to_string(static_cast<unsigned>(date.day())) + " " + months[static_cast<unsigned>(date.month()) - 1] + " " +
         std::to_string(static_cast<int>(date.year()));
}

}  // namespace

std::string noticeFor(const Decision& decision, std::string_view plan_title) {
  const std::string plan(plan_title);
  const std::string& reason = decision.reason;
  if (reason == "trial") {
    return decision.ends_at ? "Your trial of " + plan + " runs until " + day(decision.ends_at) + ". An owner sees what comes then with `ccp billing portal`."
                            : "Your trial of " + plan + " is running.";
  }
  if (reason == "cancels") {
    return "Your subscription ends on " + day(decision.ends_at) + "; until then everything of " + plan +
           " keeps working. Changed your mind? An owner can take the cancellation back with `ccp billing portal`.";
  }
  if (reason == "past_due" && decision.state == LicenseState::grace) {
    return "The last payment did not go through. Everything keeps working until " + day(decision.ends_at) +
           "; until then an owner can update the payment method with `ccp billing portal`.";
  }
  const std::string rest = decision.plan == kNoPlan ? "" : " You are on " + plan + " until then.";
  if (reason == "past_due") return "The payment is overdue and the grace period is over. An owner can pay the open invoice with `ccp billing portal`, and everything is back at once." + rest;
  if (reason == "paused") return "Your subscription is paused. An owner can resume it with `ccp billing portal` to get everything back." + rest;
  if (reason == "dispute_open") return "A payment is disputed at the bank; the license is suspended until that is settled. Was it a mistake? Withdraw the dispute there." + rest;
  if (reason == "incomplete") return "Your first payment is not complete yet. Finish it in the browser, or start again with `ccp upgrade`." + rest;
  if (reason == "incomplete_expired") return "The checkout was not completed in time. Start again with `ccp upgrade`." + rest;
  if (reason == "trial_over") return "Your trial is over. Choose a plan with `ccp upgrade` to go on." + rest;
  if (reason == "unpaid") return "The subscription ended because it was not paid. Pay the open invoice with `ccp billing portal`, or subscribe again with `ccp upgrade`." + rest;
  if (reason == "canceled") return "Your subscription has ended. Subscribe again any time with `ccp upgrade`." + rest;
  if (reason == "refunded") return "The payment was refunded, so the subscription has ended. Subscribe again with `ccp upgrade`." + rest;
  if (reason == "dispute_lost") return "The disputed payment was returned, so the subscription has ended. Subscribe again with `ccp upgrade`." + rest;
  if (reason == "term_over") return "The license term has ended. Ask your vendor to extend it, or choose a plan with `ccp upgrade`." + rest;
  if (reason == "admin_suspended") return "The vendor has suspended this license. Please contact them.";
  if (reason == "admin_revoked") return "The vendor has revoked this license. Please contact them.";
  return "";
}

}  // namespace ccp::licensing
