#include "core/billing/differences.hpp"

#include <algorithm>

namespace ccp::billing {

namespace {

/// What a person compares: without ids and without the provider's time of change.
Json shown(const SubscriptionSnapshot& snapshot) {
  Json out = Json::object();
  const Json whole = snapshot.json();
  for (const char* key : {"status", "product_id", "price_id", "quantity", "period_end_at",
                          "trial_end_at", "cancel_at_period_end", "ends_at", "past_due_at"}) {
    if (!whole[key].isNull() && whole[key] != Json("")) out.set(key, whole[key]);
  }
  return out;
}

std::string changedNames(const Json& here, const Json& there) {
  std::vector<std::string> names;
  const auto note = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end() && here[name] != there[name])
      names.push_back(name);
  };
  for (const auto& [name, value] : here.members()) note(name);
  for (const auto& [name, value] : there.members()) note(name);
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string money(std::int64_t amount_minor, const std::string& currency) {
  return std::to_string(amount_minor) + " " + currency + " (minor units)";
}

}  // namespace

std::vector<Difference> compareSubscription(const std::optional<SubscriptionState>& state,
                                            const SubscriptionSnapshot& there, const Terms& terms,
                                            Timestamp asked_at) {
  std::vector<Difference> out;
  const auto add = [&](Difference difference) {
    difference.instance = terms.instance;
    difference.subscription = there.id;
    out.push_back(std::move(difference));
  };
  const bool known_product = grantOf(terms.plans, terms.instance, there).has_value();
  if (!known_product && isLive(there.status)) {
    add({.code = "product_unknown",
         .text = "Product " + there.product_id + " " + there.price_id +
                 " stands under no price of the plan catalog; the license keeps what it was. Add "
                 "it to the catalog under providers." +
                 terms.instance + ".",
         .there = shown(there)});
  }
  if (there.status == plugin::SubscriptionStatus::unknown)
    add({.code = "status_unknown",
         .text = "The provider says a status that this release does not know; the license keeps "
                 "what it was. Update the plugin.",
         .there = shown(there)});
  if (!state || !state->newest) {
    if (known_product && (isLive(there.status) || state))
      add({.code = "subscription_unknown_here",
           .text = "The provider has a subscription (" +
                   std::string(plugin::toString(there.status)) +
                   ") of which no webhook has come through.",
           .repairable = true,
           .there = shown(there)});
    return out;
  }
  SubscriptionState after = *state;
  const StateChange change =
      applySnapshot(after, there, Provenance::answer(asked_at), state->dirty, terms, asked_at);
  if (change.verdict == Verdict::stale || (!change.license && change.verdict != Verdict::apply))
    return out;
  const Json here_shown = shown(state->newest->snapshot), there_shown = shown(there);
  const std::string names = changedNames(here_shown, there_shown);
  if (!names.empty()) {
    add({.code = "subscription_differs",
         .text = "The provider says something else about " + names +
                 ": a webhook did not come through.",
         .repairable = true,
         .here = here_shown,
         .there = there_shown});
  } else if (!(after.grant == state->grant)) {
    add({.code = "grant_differs",
         .text = "By today's plan catalog this subscription grants plan " + after.grant.plan +
                 " with " + std::to_string(after.grant.seats) + " seat(s), recorded is " +
                 state->grant.plan + " with " + std::to_string(state->grant.seats) + ".",
         .repairable = true});
  }
  return out;
}

Difference goneThere(const SubscriptionState& state, const std::string& provider_subscription_id) {
  Difference out;
  out.code = "subscription_gone_there";
  out.text = "The provider does not know this subscription, which runs here (" +
             std::string(plugin::toString(state.status())) +
             "). It ends when the provider still says so an hour later; if the account or its "
             "credential is the wrong one, correct that first.";
  out.repairable = true;
  out.subscription = provider_subscription_id;
  if (state.newest) out.here = shown(state.newest->snapshot);
  return out;
}

std::optional<Difference> compareMark(const std::optional<SubscriptionState>& state,
                                      const plugin::BillingEvent& event, Timestamp now) {
  const MarkKind kind = markOf(event);
  if (kind == MarkKind::none || subscriptionOf(event).empty()) return std::nullopt;
  SubscriptionState copy = state.value_or(SubscriptionState{});
  if (!applyMark(copy, event, event.occurred_at.value_or(now), now).stored) return std::nullopt;
  Difference out;
  out.code = std::string(toString(kind)) + "_unknown_here";
  out.text = "The provider lists this (" + event.type + ") and no webhook of it has come through.";
  out.repairable = true;
  out.subscription = subscriptionOf(event);
  out.there = event.json();
  return out;
}

std::vector<Difference> compareCatalog(const config::PlanCatalog& catalog,
                                       const std::string& instance,
                                       const std::vector<plugin::ProviderOffer>& offers) {
  std::vector<Difference> out;
  for (const auto& plan : catalog.plans) {
    for (const auto& price : plan.prices) {
      const auto mapping = price.providers.find(instance);
      if (mapping == price.providers.end()) continue;
      const auto& ids = mapping->second;
      const auto add = [&](const char* code, const char* level, std::string text) {
        Difference difference;
        difference.code = code;
        difference.level = level;
        difference.text = "Price " + price.id + ": " + std::move(text);
        difference.instance = instance;
        out.push_back(std::move(difference));
      };
      const auto offer = std::find_if(offers.begin(), offers.end(), [&](const auto& each) {
        return ids.price.empty() ? each.product_id == ids.product : each.price_id == ids.price;
      });
      const std::string id = ids.price.empty() ? ids.product : ids.price;
      if (offer == offers.end()) {
        if (price.retired) continue;  // not sold any more, and providers leave out what is archived
        add("price_missing", "error",
            "the provider sells no " + id + ". Correct providers." + instance +
                " in the plan catalog, or make it at the provider.");
        continue;
      }
      if (offer->archived && !price.retired)
        add("price_archived", "error",
            "the provider has archived " + id + "; checkouts will fail. Make a new one there, or "
            "retire the price.");
      if (price.tiers.empty() && offer->amount_minor &&
          (*offer->amount_minor != price.amount_minor || offer->currency != price.currency))
        add("price_amount_differs", "error",
            "the provider takes " + money(*offer->amount_minor, offer->currency) + " for " + id +
                ", the catalog shows " + money(price.amount_minor, price.currency) + ".");
      if (!offer->interval.empty() && offer->interval != price.interval)
        add("price_interval_differs", "error",
            "the provider bills " + id + " by " + offer->interval + ", the catalog says " +
                price.interval + ".");
    }
  }
  return out;
}

Json describe(const Difference& difference) {
  Json out = Json::object({{"code", difference.code},
                           {"level", difference.level},
                           {"text", difference.text},
                           {"repairable", difference.repairable}});
  if (!difference.instance.empty()) out.set("instance", difference.instance);
  if (!difference.org.empty()) out.set("org", difference.org);
  if (!difference.subscription.empty()) out.set("subscription", difference.subscription);
  if (!difference.here.isNull()) out.set("here", difference.here);
  if (!difference.there.isNull()) out.set("there", difference.there);
  return out;
}

}  // namespace ccp::billing
