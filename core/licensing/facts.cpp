// The text form of a license's facts: what the license row stores, so that time alone can change the
// decision without asking billing.
#include "core/licensing/rules.hpp"

namespace ccp::licensing {
namespace {

Json timeOf(const std::optional<Timestamp>& at) { return at ? Json(toMicros(*at)) : Json(); }
std::optional<Timestamp> timeFrom(const Json& json, std::string_view name) {
  const auto us = json.optInt(name);
  return us ? std::optional(fromMicros(*us)) : std::nullopt;
}

}  // namespace

Json SubscriptionFact::json() const {
  return Json::object({{"id", id},
                       {"status", status},
                       {"plan", plan},
                       {"privacy", privacy},
                       {"seats", seats},
                       {"past_due_us", timeOf(past_due_at)},
                       {"trial_end_us", timeOf(trial_end_at)},
                       {"period_end_us", timeOf(period_end_at)},
                       {"ends_us", timeOf(ends_at)},
                       {"cancel_at_period_end", cancel_at_period_end},
                       {"blocked", blocked}});
}

SubscriptionFact SubscriptionFact::from(const Json& json) {
  SubscriptionFact out;
  out.id = json.strOr("id");
  out.status = json.strOr("status");
  out.plan = json.strOr("plan");
  out.privacy = json.strOr("privacy", "minimized");
  out.seats = json.intOr("seats", 1);
  out.past_due_at = timeFrom(json, "past_due_us");
  out.trial_end_at = timeFrom(json, "trial_end_us");
  out.period_end_at = timeFrom(json, "period_end_us");
  out.ends_at = timeFrom(json, "ends_us");
  out.cancel_at_period_end = json.boolOr("cancel_at_period_end");
  out.blocked = json.strOr("blocked");
  return out;
}

}  // namespace ccp::licensing
