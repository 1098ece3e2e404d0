#include "core/billing/changes.hpp"

#include <algorithm>
#include <iterator>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

Error notPossible(const std::string& price, const std::string& rule) {
  return Error{Errc::validation_failed, "price " + price + " " + rule, {{"/price", rule}}};
}

Changes::Side sideOf(const config::PlanCatalog& catalog, const SubscriptionRow& row) {
  Changes::Side out;
  out.plan = row.grant.plan;
  out.price = row.grant.price;
  out.quantity = row.effective ? std::max<std::int64_t>(1, row.effective->snapshot.quantity) : 1;
  const auto ref = catalog.findPrice(row.grant.price);
  if (!ref.price) return out;
  out.interval = ref.price->interval;
  out.per = ref.price->per;
  if (const auto amount = config::priceOf(*ref.price, out.quantity))
    out.amount = Money{*amount, ref.price->currency};
  return out;
}

/// A failure after which the provider may have done it all the same.
bool undecided(const Error& error) {
  return error.code == Errc::deadline_exceeded || error.code == Errc::unavailable ||
         error.code == Errc::plugin_unavailable || error.code == Errc::plugin_failed ||
         error.code == Errc::provider_error || error.code == Errc::unreachable ||
         error.code == Errc::cancelled;
}

}  // namespace

Result<Changes::Plan> Changes::plan(db::Tx& tx, const Buyer& buyer, const Wanted& wanted,
                                    const config::PlanCatalog& catalog) {
  CCP_CHECK_OK(authorizeBuyer(tx, directory_, buyer));
  const auto license = licenses_.byOrg(tx, buyer.org);
  Plan out;
  bool found = false;
  for (auto& row : repository_.subscriptionsOf(tx, buyer.org)) {
    if (!row.effective || !isLive(row.status())) continue;
    // During a move between providers two run for a while: the one that decides is the one in use.
    const bool decides = license && license->decision.subscription == row.id;
    if (found && !decides) continue;
    out.row = std::move(row);
    found = true;
  }
  if (!found) {
    return fail(Errc::subscription_required,
                "The organization has no running subscription whose seats or plan could change.");
  }
  if (out.row.status() == plugin::SubscriptionStatus::paused) {
    return fail(Errc::conflict, "The subscription is paused. Resume it first: POST /v1/billing/portal.");
  }
  // The subscription at the new provider stands with the seats and price of the old one by now.
  if (const auto move = moves_.newest(tx, buyer.org); move && !isOver(move->state)) {
    return fail(Errc::conflict, "The organization is moving from " + move->from_instance + " to " +
                                    move->to_instance +
                                    ". Seats and plan can change again when that is done, or when an "
                                    "operator has cancelled it.");
  }
  const auto& price = wanted.price.empty() ? out.row.grant.price : wanted.price;
  out.to = catalog.findPrice(price);
  if (!out.to.price)
    return fail(notPossible(price, "is not in the plan catalog; see GET /v1/plans"));
  const bool other_price = out.to.price->id != out.row.grant.price;
  if (other_price && out.to.price->retired) return fail(notPossible(price, "is not sold any more"));
  if (out.to.price->providers.count(out.row.instance) == 0) {
    return fail(notPossible(price, "is not sold through " + out.row.instance +
                                       ", where the subscription runs; an operator can move it with "
                                       "`ccp billing migrate`"));
  }
  const auto now = std::max<std::int64_t>(1, out.row.effective->snapshot.quantity);
  out.quantity = wanted.quantity.value_or(out.to.price->per == "seat" ? now : 1);
  CCP_CHECK_OK(checkQuantity(*out.to.plan, *out.to.price, out.quantity));
  return out;
}

Result<SubscriptionSnapshot> Changes::ask(const Plan& plan, const Wanted& wanted,
                                          plugin::BillingProvider& provider,
                                          plugin::CallContext call) {
  const std::string key = call.idempotency_key;
  plugin::SubscriptionChange change;
  change.subscription_id = plan.row.provider_subscription_id;
  change.proration = wanted.proration;
  const bool other_price = plan.to.price->id != plan.row.grant.price;
  if (other_price) {
    const auto& ids = plan.to.price->providers.at(plan.row.instance);
    change.action = "plan";
    change.product_id = ids.product;
    change.price_id = ids.price;
    // One price for the organization, one of it: a provider would keep the old quantity otherwise.
    if (plan.to.price->per == "seat" || plan.row.effective->snapshot.quantity != plan.quantity)
      change.quantity = plan.quantity;
    call.idempotency_key = key + "/plan";
    CCP_TRY(auto snapshot, provider.changeSubscription(call, change));
    // Some providers change the product only: then the seats are a change of their own.
    if (plan.to.price->per != "seat" || snapshot.quantity == plan.quantity) return snapshot;
  }
  change.action = "quantity";
  change.product_id.clear();
  change.price_id.clear();
  change.quantity = plan.quantity;
  call.idempotency_key = key + "/quantity";
  return provider.changeSubscription(call, change);
}

Status Changes::settle(const Buyer& buyer, const Plan& plan, const Wanted& wanted,
                       const SubscriptionSnapshot& snapshot, Timestamp asked_at,
                       std::int64_t doubts) {
  // A plugin may be wrong about whose subscription it answers for; we are not.
  if (snapshot.id != plan.row.provider_subscription_id ||
      snapshot.customer_id != plan.row.provider_customer_id) {
    log::error("billing.change_of_another_subscription", {{"instance", plan.row.instance},
                                                          {"org", buyer.org},
                                                          {"asked", plan.row.provider_subscription_id},
                                                          {"answered", snapshot.id}});
    return fail(Errc::provider_error,
                "The provider answered for another subscription. The operator has been told.");
  }
  // System scope, as every snapshot.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    CCP_TRY([[maybe_unused]] const Verdict verdict,
            snapshots_.apply(tx, {buyer.org, plan.row.instance}, snapshot,
                             Provenance::answer(asked_at), doubts));
    tx.audit({buyer.org, buyer.actor, "subscription.change_request", plan.row.id,
              Json::object({{"price", plan.row.grant.price},
                            {"quantity", plan.row.effective->snapshot.quantity}}),
              Json::object({{"price", plan.to.price->id},
                            {"quantity", plan.quantity},
                            {"proration", wanted.proration}}),
              ""});
    return {};
  });
}

Result<Changes::Done> Changes::result(const Buyer& buyer, const Plan& plan,
                                      const SubscriptionRow& before,
                                      const config::PlanCatalog& catalog) {
  return db_.read(db::Scope::org(buyer.org), [&](db::Tx& tx) -> Result<Done> {
    const auto row = repository_.subscription(tx, buyer.org, plan.row.id);
    if (!row) return fail(Errc::not_found, "The subscription is gone.");
    Done out;
    out.subscription = row->id;
    out.instance = row->instance;
    out.status = plugin::toString(row->status());
    out.before = sideOf(catalog, before);
    out.after = sideOf(catalog, *row);
    out.seats_used = directory_.seatsInUse(tx, buyer.org);
    if (const auto license = licenses_.byOrg(tx, buyer.org)) out.seats_paid = license->decision.seats;
    const auto& snapshot = row->effective ? row->effective->snapshot : before.effective->snapshot;
    // Another interval or currency is another contract: nothing to compare.
    const bool comparable = out.before.amount && out.after.amount &&
                            out.before.interval == out.after.interval &&
                            snapshot.period_start_at && snapshot.period_end_at;
    const auto about = comparable
                           ? prorated(*out.before.amount, *out.after.amount,
                                      *snapshot.period_start_at, *snapshot.period_end_at, clock_.now())
                           : Result<Money>(fail(Errc::validation_failed));
    if (about) {
      out.prorated = *about;
      if (row->status() == plugin::SubscriptionStatus::trialing) out.prorated->amount_minor = 0;
    }
    return out;
  });
}

Result<Changes::Done> Changes::change(const Buyer& buyer, const Wanted& wanted,
                                      const plugin::CallContext& context) {
  if (std::find(std::begin(kProrations), std::end(kProrations), wanted.proration) ==
      std::end(kProrations)) {
    return fail(Error{Errc::validation_failed, "proration must be now, next_period or none.",
                      {{"/proration", "now, next_period or none"}}});
  }
  const auto settings = settings_.now();  // one version of it for the whole change
  const auto& catalog = settings->plans;
  CCP_TRY(const Plan plan, db_.read(db::Scope::org(buyer.org), [&](db::Tx& tx) {
    return this->plan(tx, buyer, wanted, catalog);
  }));
  const SubscriptionRow before = plan.row;
  const bool same = plan.to.price->id == plan.row.grant.price &&
                    (plan.to.price->per != "seat" ||
                     plan.quantity == plan.row.effective->snapshot.quantity);
  if (same) return result(buyer, plan, before, catalog);

  CCP_TRY(const auto provider, providers_.find(plan.row.instance));
  plugin::CallContext call = context;
  call.tenant = buyer.org;
  // The same request again, after an answer got lost, is the same change at the provider.
  call.idempotency_key = plan.row.id + "/change/" +
                         (context.idempotency_key.empty() ? context.request_id
                                                          : sha256Hex(context.idempotency_key));
  const Timestamp asked_at = clock_.now();
  const auto snapshot = ask(plan, wanted, *provider, call);
  if (!snapshot) {
    if (undecided(snapshot.error())) {
      // It may have happened: the provider is asked again soon, whatever became of this request.
      CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) {
        return snapshots_.doubt(tx, {buyer.org, plan.row.instance}, plan.row.provider_customer_id,
                                plan.row.provider_subscription_id);
      }));
    }
    return fail(snapshot.error());
  }
  CCP_CHECK_OK(settle(buyer, plan, wanted, *snapshot, asked_at, plan.row.dirty));
  CCP_TRY(auto done, result(buyer, plan, before, catalog));
  done.changed = true;
  return done;
}

}  // namespace ccp::billing
