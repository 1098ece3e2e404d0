#include "core/billing/snapshots.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {

Json describe(const SubscriptionRow& row) {
  Json out = Json::object({{"instance", row.instance},
                           {"provider_subscription", row.provider_subscription_id},
                           {"status", plugin::toString(row.status())},
                           {"plan", row.grant.plan},
                           {"price", row.grant.price},
                           {"seats", row.grant.seats}});
  const auto add = [&](const char* name, const std::optional<Timestamp>& at) {
    if (at) out.set(name, formatRfc3339(*at));
  };
  add("refund_full_at", row.marks.refund_full_at);
  add("refund_partial_at", row.marks.refund_partial_at);
  add("dispute_opened_at", row.marks.dispute_opened_at);
  add("dispute_won_at", row.marks.dispute_won_at);
  add("dispute_lost_at", row.marks.dispute_lost_at);
  return out;
}

Snapshots::Snapshots(Repository& repository, MoveRepository& moves,
                     licensing::Licenses& licenses,
                     const config::LiveSettings& settings, const Clock& clock, Random& random,
                     Metrics& metrics)
    : repository_(repository),
      moves_(moves),
      licenses_(licenses),
      settings_(settings),
      clock_(clock),
      random_(random),
      metrics_(metrics) {}

Result<Snapshots::Loaded> Snapshots::load(db::Tx& tx, const Origin& origin,
                                          const std::string& customer,
                                          const std::string& provider_subscription_id) {
  if (auto row =
          repository_.subscriptionByProvider(tx, origin.instance, provider_subscription_id)) {
    if (row->org != origin.org) {
      return fail(Errc::conflict, "Subscription " + provider_subscription_id + " of " +
                                      origin.instance +
                                      " already belongs to another organization.");
    }
    return Loaded{std::move(*row), true};
  }
  Loaded fresh;
  fresh.row.org = origin.org;
  fresh.row.id = newId("sub", clock_, random_);
  fresh.row.instance = origin.instance;
  fresh.row.provider_subscription_id = provider_subscription_id;
  fresh.row.provider_customer_id = customer;
  return fresh;
}

Status Snapshots::store(db::Tx& tx, const Loaded& loaded) {
  if (loaded.stored) {
    repository_.updateSubscription(tx, loaded.row);
  } else if (!repository_.addSubscription(tx, loaded.row)) {
    return fail(Errc::conflict, "Subscription " + loaded.row.provider_subscription_id +
                                    " was added by somebody else at the same time.");
  }
  return {};
}

void Snapshots::alert(db::Tx& tx, const Origin& origin, const SubscriptionRow& row,
                      Finding finding) {
  tx.afterCommit([this, origin, id = row.id, finding = std::move(finding)] {
    metrics_
        .counter("ccp_billing_alerts_total", "Findings of billing that an operator should see",
                 {{"alert", finding.code}, {"instance", origin.instance}})
        .add();
    log::warn("billing." + finding.code, {{"org", origin.org},
                                          {"instance", origin.instance},
                                          {"subscription", id},
                                          {"detail", finding.detail}});
  });
}

Status Snapshots::settle(db::Tx& tx, const Origin& origin, const Loaded& loaded, const Json& before,
                         const StateChange& change, const std::string& reason) {
  if (change.stored || !loaded.stored) CCP_CHECK_OK(store(tx, loaded));
  for (const auto& finding : change.findings) alert(tx, origin, loaded.row, finding);
  return change.license ? changed(tx, origin, before, loaded.row, reason) : Status{};
}

Status Snapshots::changed(db::Tx& tx, const Origin& origin, const Json& before,
                          const SubscriptionRow& row, const std::string& reason) {
  const Json after = describe(row);
  tx.audit({origin.org, origin.actor(), "subscription.change", row.id, before, after, reason});
  Json data = after;
  data.set("previous_status", before["status"]);
  tx.emit({"subscription.changed", origin.org, row.id, std::move(data)});
  moves_.wake(tx, origin.org);
  const auto settings = settings_.now();
  const auto planned = reminders_.plan(tx, origin.org, row.id);
  const auto plan = planReminders(
      planned, row, {settings->billing.reminder_days, settings->billing.grace_days}, tx.now());
  if (plan != planned) reminders_.setPlan(tx, origin.org, row.id, plan);
  return recount(tx, origin.org, origin.actor());
}

Status Snapshots::recount(db::Tx& tx, const std::string& org, const std::string& actor) {
  std::vector<CountedSubscription> counted;
  const auto settings = settings_.now();
  for (const auto& each : repository_.subscriptionsOf(tx, org)) {
    if (auto fact = factOf(each.id, each, settings->billing.on_dispute))
      counted.push_back({each.instance, isLive(each.status()), std::move(*fact)});
  }
  const auto facts = countedFacts(std::move(counted), moves_.newest(tx, org));
  return licenses_.applyBilling(tx, org, facts, actor);
}

Result<Verdict> Snapshots::apply(db::Tx& tx, const Origin& origin,
                                 const SubscriptionSnapshot& snapshot, const Provenance& from,
                                 std::int64_t doubts_seen) {
  if (snapshot.id.empty())
    return fail(Errc::provider_error,
                "A snapshot of " + origin.instance + " names no subscription.");
  CCP_TRY(Loaded loaded, load(tx, origin, snapshot.customer_id, snapshot.id));
  const Json before = loaded.stored ? describe(loaded.row) : Json();
  const auto settings = settings_.now();
  const StateChange change = applySnapshot(loaded.row, snapshot, from, doubts_seen,
                                           {settings->plans, origin.instance}, tx.now());
  if (loaded.row.newest) loaded.row.provider_customer_id = loaded.row.newest->snapshot.customer_id;
  CCP_CHECK_OK(settle(tx, origin, loaded, before, change,
                      from.asked ? "answer of the provider" : "webhook"));
  return change.verdict;
}

Status Snapshots::mark(db::Tx& tx, const Origin& origin, const plugin::BillingEvent& event,
                       Timestamp at) {
  const MarkKind kind = markOf(event);
  const std::string subscription = subscriptionOf(event);
  if (subscription.empty()) {
    // A one-time payment: nothing of ours hangs on it, but the operator should find it.
    tx.audit({origin.org,
              origin.actor(),
              std::string("billing.") + toString(kind),
              event.customer_id,
              {},
              {},
              event.type});
    return {};
  }
  CCP_TRY(Loaded loaded, load(tx, origin, customerOf(event), subscription));
  const Json before = loaded.stored ? describe(loaded.row) : Json();
  const StateChange change = applyMark(loaded.row, event, at, tx.now());
  if (!change.stored) return {};
  return settle(tx, origin, loaded, before, change, event.type);
}

Status Snapshots::doubt(db::Tx& tx, const Origin& origin, const std::string& customer,
                        const std::string& provider_subscription_id) {
  CCP_TRY(Loaded loaded, load(tx, origin, customer, provider_subscription_id));
  applyDoubt(loaded.row, tx.now());
  return store(tx, loaded);
}

Status Snapshots::missing(db::Tx& tx, const SubscriptionRow& seen) {
  auto row = repository_.subscription(tx, seen.org, seen.id);
  if (!row) return {};
  const Origin origin{row->org, row->instance};
  const Json before = describe(*row);
  StateChange change = applyMissing(*row, seen.dirty, tx.now());
  for (auto& finding : change.findings)
    finding.detail.set("provider_subscription", row->provider_subscription_id);
  return settle(tx, origin, {std::move(*row), true}, before, change, "deleted at the provider");
}

void Snapshots::refetchLater(db::Tx& tx, const SubscriptionRow& seen, Timestamp at) {
  auto row = repository_.subscription(tx, seen.org, seen.id);
  if (!row || row->dirty == 0) return;
  row->refetch_after_at = at;
  repository_.updateSubscription(tx, *row);
}

}  // namespace ccp::billing
