// What a hostile billing plugin may say, line by line: events become state and a license, and the same word
// twice changes nothing the second time.
#include <cstdint>
#include <string_view>

#include "core/billing/reminder_rules.hpp"
#include "core/billing/subscription_state.hpp"
#include "core/plugin/facades/billing_json.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::billing;

namespace {

const config::PlanCatalog& catalog() {
  static const config::PlanCatalog out = [] {
    config::Price solo;
    solo.id = "solo-month";
    solo.per = "org";
    solo.providers["pay"] = {"", "solo-month"};
    config::Price team;
    team.id = "team-month";
    team.per = "seat";
    team.providers["pay"] = {"", "team-month"};
    config::Plan small, large;
    small.id = "solo";
    small.prices = {solo};
    large.id = "team";
    large.prices = {team};
    config::PlanCatalog all;
    all.plans = {small, large};
    return all;
  }();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = fuzz::text(data, size);
  const Terms terms{catalog(), "pay"};
  SubscriptionState state;
  std::vector<licensing::SubscriptionFact> facts;
  Timestamp now = fromUnixSeconds(1'800'000'000);
  for (int line = 0; line < 64 && !rest.empty(); ++line) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto json = parseJson(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!json) continue;
    const auto event = plugin::BillingEvent::from(*json);
    if (!event) continue;
    now += seconds(7);
    const auto take = [&]() -> StateChange {
      if (markOf(*event) != MarkKind::none) return applyMark(state, *event, event->occurred_at.value_or(fromUnixSeconds(0)), now);
      if (event->subscription) return applySnapshot(state, *event->subscription, Provenance::webhook(event->occurred_at), 0, terms, now);
      return {};
    };
    take();
    CCP_REQUIRE(!state.effective || !state.grant.plan.empty());
    CCP_REQUIRE(state.grant.seats >= 1);
    CCP_REQUIRE(!take().license);
    if (const auto fact = factOf("sub_1", state, "suspend")) {
      facts = licensing::settleFacts(facts, {*fact}, now);
      const auto decision = licensing::decide({}, facts, {}, {}, now);
      CCP_REQUIRE(licensing::isLive(decision.state) || decision.plan == "community");
      CCP_REQUIRE(decision.seats >= 1);
    }
    const auto plan = planReminders({}, state, {{1, 3, 6}, 7}, now);
    if (plan && plan->due_at) CCP_REQUIRE(remindersDue(*plan, {{1, 3, 6}, 7}, *plan->due_at).day.has_value());
  }
  return 0;
}
