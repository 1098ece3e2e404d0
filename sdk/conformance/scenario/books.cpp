#include "sdk/conformance/scenario/books.hpp"

namespace ccp::kit {
namespace {

config::PlanCatalog catalogOf(const ProviderCard& card) {
  const auto price = [&](const char* id, const char* per, std::int64_t amount, const char* privacy) {
    const auto& ids = card.catalog.at(id);
    config::Price out;
    out.id = id;
    out.per = per;
    out.interval = "month";
    out.amount_minor = amount;
    out.currency = "USD";
    out.privacy = privacy;
    out.providers["conformance"] = {ids.product_id, ids.price_id};
    return out;
  };
  const auto plan = [](const char* id, std::int64_t seats, std::vector<config::Price> prices) {
    config::Plan out;
    out.id = id;
    out.title = id;
    out.limits["seats"] = seats;
    out.prices = std::move(prices);
    return out;
  };
  config::PlanCatalog out;
  out.plans.push_back(plan("community", 1, {}));
  out.plans.push_back(plan("solo", 1, {price("solo-month", "org", 2900, "minimized"), price("solo-full-month", "org", 4900, "full")}));
  out.plans.push_back(plan("team", 100, {price("team-month", "seat", 2500, "minimized")}));
  return out;
}

}  // namespace

Books::Books(const Story& story, const ProviderCard& card) : customer_(card.customer_id), on_dispute_(story.on_dispute), catalog_(catalogOf(card)) {
  policy_.grace_days = story.grace_days;
  policy_.plan_order = {"community", "solo", "team"};
}

void Books::settle(const billing::StateChange& change, Timestamp now) {
  for (const auto& finding : change.findings) alerts_.push_back(finding.code);
  if (!change.license) return;
  std::vector<licensing::SubscriptionFact> told;
  for (const auto& [id, state] : subscriptions_) {
    if (auto fact = billing::factOf(id, state, on_dispute_)) told.push_back(std::move(*fact));
  }
  facts_ = licensing::settleFacts(facts_, told, now);
}

std::string Books::take(const plugin::BillingEvent& event, Timestamp received_at) {
  using Action = billing::EventAction;
  const Action action = billing::actionFor(event);
  const std::string customer = billing::customerOf(event), subscription = billing::subscriptionOf(event);
  if (action == Action::ignore || action == Action::fetch_object) return "nothing of ours";
  const bool ours = !customer.empty() ? customer == customer_ : subscriptions_.count(subscription) == 1;
  if (!ours && action == Action::recheck_customer) return "of another customer";
  if (!ours) {
    strangers_.insert(event.type + " names " + (customer.empty() ? "no customer and a subscription that is not known yet" : "the customer " + customer));
    return "parked: it is not of the customer " + customer_;
  }
  switch (action) {
    case Action::recheck_customer:
      recheck_ = true;
      return "the customer is to be listed";
    case Action::apply_snapshot: {
      const auto change = billing::applySnapshot(subscriptions_[subscription], *event.subscription, billing::Provenance::webhook(event.occurred_at), 0, terms(), received_at);
      settle(change, received_at);
      return std::string(plugin::toString(event.subscription->status)) + " " + event.subscription->price_id + " × " + std::to_string(event.subscription->quantity) + ": " + billing::toString(change.verdict);
    }
    case Action::add_mark: {
      const auto kind = billing::markOf(event);
      if (subscription.empty()) return std::string(billing::toString(kind)) + " of no subscription";
      settle(billing::applyMark(subscriptions_[subscription], event, event.occurred_at.value_or(received_at), received_at), received_at);
      return billing::toString(kind);
    }
    case Action::refetch_if_idle: {
      const auto known = subscriptions_.find(subscription);
      if (known != subscriptions_.end() && billing::isRunning(known->second.status())) return "a payment of what runs";
      billing::applyDoubt(subscriptions_[subscription], received_at);
      return "the subscription is to be asked for";
    }
    case Action::refetch:
      billing::applyDoubt(subscriptions_[subscription], received_at);
      return "the subscription is to be asked for";
    case Action::fetch_object:
    case Action::ignore: break;
  }
  return {};
}

std::vector<std::pair<std::string, std::int64_t>> Books::doubted() const {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (const auto& [id, state] : subscriptions_) {
    if (state.dirty > 0) out.emplace_back(id, state.dirty);
  }
  return out;
}

std::int64_t Books::doubtsOf(const std::string& subscription) const {
  const auto found = subscriptions_.find(subscription);
  return found == subscriptions_.end() ? 0 : found->second.dirty;
}

bool Books::takeRecheck() { return std::exchange(recheck_, false); }

void Books::answer(const plugin::SubscriptionSnapshot& snapshot, Timestamp asked_at, std::int64_t doubts_seen, Timestamp now) {
  if (snapshot.customer_id != customer_) {
    strangers_.insert("an answer gives the subscription " + snapshot.id + " to the customer " + snapshot.customer_id);
    return;
  }
  settle(billing::applySnapshot(subscriptions_[snapshot.id], snapshot, billing::Provenance::answer(asked_at), doubts_seen, terms(), now), now);
}

void Books::missing(const std::string& subscription, std::int64_t doubts_seen, Timestamp now) {
  settle(billing::applyMissing(subscriptions_[subscription], doubts_seen, now), now);
}

void Books::listed(const std::set<std::string>& subscriptions, Timestamp now) {
  for (auto& [id, state] : subscriptions_) {
    if (state.dirty == 0 && billing::isLive(state.status()) && subscriptions.count(id) == 0) billing::applyDoubt(state, now);
  }
}

licensing::Decision Books::decide(Timestamp now) const { return licensing::decide(licensing::AdminOverride::none, facts_, std::nullopt, policy_, now); }

std::vector<std::string> Books::takeAlerts() { return std::exchange(alerts_, {}); }

Json Books::summary(Timestamp now, bool with_marks) const {
  const auto decision = decide(now);
  Json facts = Json::array();
  for (const auto& fact : facts_) facts.push(fact.json());
  Json out = Json::object({{"license", textOf(decision)}, {"privacy", decision.privacy}, {"facts", std::move(facts)}});
  if (!with_marks) return out;
  Json marks = Json::object();
  for (const auto& [id, state] : subscriptions_) {
    const auto& m = state.marks;
    std::string kinds;
    const std::pair<const char*, bool> each[] = {{" refund_full", m.refund_full_at.has_value()}, {" refund_partial", m.refund_partial_at.has_value()},
                                                 {" dispute_opened", m.dispute_opened_at.has_value()}, {" dispute_won", m.dispute_won_at.has_value()},
                                                 {" dispute_lost", m.dispute_lost_at.has_value()}};
    for (const auto& [name, there] : each) kinds += there ? name : "";
    marks.set(id, kinds);
  }
  out.set("marks", std::move(marks));
  return out;
}

std::string textOf(const licensing::Decision& decision) {
  std::string out = licensing::toString(decision.state);
  out += " (reason \"" + decision.reason + "\"), plan " + decision.plan + ", " + std::to_string(decision.seats) + " seats";
  if (decision.ends_at) out += ", ending " + formatRfc3339(*decision.ends_at);
  return out;
}

}  // namespace ccp::kit
