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

Snapshots::Snapshots(Repository& repository, licensing::Licenses& licenses,
                     const config::LiveSettings& settings, const Clock& clock, Random& random,
                     Metrics& metrics)
    : repository_(repository),
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

void Snapshots::alert(db::Tx& tx, const char* event, const Origin& origin,
                      const SubscriptionRow& row, Json detail) {
  tx.afterCommit([this, event, origin, id = row.id, detail = std::move(detail)] {
    metrics_
        .counter("ccp_billing_alerts_total", "Findings of billing that an operator should see",
                 {{"alert", event}, {"instance", origin.instance}})
        .add();
    log::warn(std::string("billing.") + event, {{"org", origin.org},
                                                {"instance", origin.instance},
                                                {"subscription", id},
                                                {"detail", detail}});
  });
}

Status Snapshots::changed(db::Tx& tx, const Origin& origin, const Json& before,
                          const SubscriptionRow& row, const std::string& reason) {
  const Json after = describe(row);
  tx.audit({origin.org, origin.actor(), "subscription.change", row.id, before, after, reason});
  Json data = after;
  data.set("previous_status", before["status"]);
  tx.emit({"subscription.changed", origin.org, row.id, std::move(data)});
  std::vector<licensing::SubscriptionFact> facts;
  const auto settings = settings_.now();
  for (const auto& each : repository_.subscriptionsOf(tx, origin.org)) {
    if (each.effective)
      facts.push_back(factOf(each.id, each.effective->snapshot, each.grant, each.marks,
                             settings->billing.on_dispute));
  }
  return licenses_.applyBilling(tx, origin.org, facts, origin.actor());
}

Result<Verdict> Snapshots::apply(db::Tx& tx, const Origin& origin,
                                 const SubscriptionSnapshot& snapshot, const Provenance& from,
                                 std::int64_t doubts_seen) {
  if (snapshot.id.empty())
    return fail(Errc::provider_error,
                "A snapshot of " + origin.instance + " names no subscription.");
  CCP_TRY(Loaded loaded, load(tx, origin, snapshot.customer_id, snapshot.id));
  SubscriptionRow& row = loaded.row;
  const Json before = loaded.stored ? describe(row) : Json();
  const SubscriptionRow was = row;

  const Judgement newest = judge(row.newest, snapshot, from);
  if (newest.verdict == Verdict::apply) {
    row.newest = HeldSnapshot{snapshot, newest.order_at};
    row.provider_customer_id = snapshot.customer_id;
  }
  // The license follows the newest snapshot that we understand.
  const auto grant = snapshot.status == plugin::SubscriptionStatus::unknown
                         ? std::nullopt
                         : grantOf(settings_.now()->plans, origin.instance, snapshot);
  bool touched = false;
  Verdict verdict = newest.verdict;
  if (grant) {
    const Judgement known = judge(row.effective, snapshot, from);
    if (known.verdict == Verdict::apply) row.effective = HeldSnapshot{snapshot, known.order_at};
    if (known.verdict == Verdict::apply || known.verdict == Verdict::unchanged) row.grant = *grant;
    touched = known.verdict == Verdict::apply || describe(was) != describe(row);
    if (known.verdict == Verdict::dirty) verdict = Verdict::dirty;
  } else if (newest.verdict == Verdict::apply) {
    const bool status = snapshot.status == plugin::SubscriptionStatus::unknown;
    alert(tx, status ? "unknown_status" : "unknown_product", origin, row,
          Json::object({{"product", snapshot.product_id}, {"price", snapshot.price_id}}));
  }

  if (verdict == Verdict::dirty) {
    ++row.dirty;
    row.refetch_after_at = tx.now();
  } else if (from.asked && verdict != Verdict::stale) {
    row.missing_since_at.reset();
    if (row.dirty == doubts_seen) row.dirty = 0;
  }
  const bool write = !loaded.stored || touched || newest.verdict == Verdict::apply ||
                     row.dirty != was.dirty || row.missing_since_at != was.missing_since_at;
  if (write) CCP_CHECK_OK(store(tx, loaded));
  if (touched)
    CCP_CHECK_OK(
        changed(tx, origin, before, row, from.asked ? "answer of the provider" : "webhook"));
  return verdict;
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
  SubscriptionRow& row = loaded.row;
  const Json before = loaded.stored ? describe(row) : Json();
  if (!addMark(row.marks, kind, at)) return {};
  if (!loaded.stored) row.dirty = 1;
  CCP_CHECK_OK(store(tx, loaded));
  alert(tx, toString(kind), origin, row,
        Json::object({{"type", event.type},
                      {"amount_minor", event.amount_minor},
                      {"currency", event.currency}}));
  return changed(tx, origin, before, row, event.type);
}

Status Snapshots::doubt(db::Tx& tx, const Origin& origin, const std::string& customer,
                        const std::string& provider_subscription_id) {
  CCP_TRY(Loaded loaded, load(tx, origin, customer, provider_subscription_id));
  ++loaded.row.dirty;
  loaded.row.refetch_after_at = tx.now();
  return store(tx, loaded);
}

Status Snapshots::missing(db::Tx& tx, const SubscriptionRow& seen) {
  auto row = repository_.subscription(tx, seen.org, seen.id);
  if (!row) return {};
  const Origin origin{row->org, row->instance};
  const bool doubted_again = row->dirty != seen.dirty;
  if (!row->missing_since_at) {
    row->missing_since_at = tx.now();
    if (row->dirty == 0) row->dirty = 1;
    row->refetch_after_at = tx.now() + kMissingConfirmed;
    repository_.updateSubscription(tx, *row);
    alert(tx, "subscription_missing", origin, *row,
          Json::object({{"provider_subscription", row->provider_subscription_id}}));
    return {};
  }
  if (tx.now() - *row->missing_since_at < kMissingConfirmed) {
    row->refetch_after_at = *row->missing_since_at + kMissingConfirmed;
    repository_.updateSubscription(tx, *row);
    return {};
  }
  const Json before = describe(*row);
  if (!doubted_again) row->dirty = 0;
  if (row->effective && row->effective->snapshot.status != plugin::SubscriptionStatus::canceled) {
    row->effective->snapshot.status = plugin::SubscriptionStatus::canceled;
    row->effective->order_at = std::max(row->effective->order_at, tx.now());
    row->newest = row->effective;
    repository_.updateSubscription(tx, *row);
    return changed(tx, origin, before, *row, "deleted at the provider");
  }
  repository_.updateSubscription(tx, *row);
  return {};
}

void Snapshots::refetchLater(db::Tx& tx, const SubscriptionRow& seen, Timestamp at) {
  auto row = repository_.subscription(tx, seen.org, seen.id);
  if (!row || row->dirty == 0) return;
  row->refetch_after_at = at;
  repository_.updateSubscription(tx, *row);
}

}  // namespace ccp::billing
