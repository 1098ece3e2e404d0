#include "core/billing/repository.hpp"

namespace ccp::billing {

namespace {

using OptStr = std::optional<std::string>;
using OptTime = std::optional<Timestamp>;

constexpr const char* kCustomerColumns =
    "select org_id, id, instance, provider_customer_id, reconcile_after_at from billing_customers ";

std::vector<Customer> customers(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<Customer> out;
  for (auto& [org, id, instance, provider, after] :
       tx.query<std::string, std::string, std::string, std::string, Timestamp>(
           kCustomerColumns + where, binds)) {
    out.push_back({std::move(org), std::move(id), std::move(instance), std::move(provider), after});
  }
  return out;
}

template <class T>
std::optional<T> first(std::vector<T> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

/// "(:k0, :k1, …)" for a list of values; `binds` gets them.
std::string inList(const std::vector<std::string>& values, db::Binds& binds) {
  std::string out = "(";
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string name = "k" + std::to_string(i);
    out += (i == 0 ? ":" : ", :") + name;
    binds.push_back({name, values[i]});
  }
  return out + ")";
}

std::vector<CheckoutRow> checkouts(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<CheckoutRow> out;
  for (auto& [org, id, instance, plan, price, quantity, trial, state, customer, provider,
              subscription, url, error, actor, asked, created] :
       tx.query<std::string, std::string, std::string, std::string, std::string, std::int64_t,
                std::int64_t, std::string, OptStr, OptStr, OptStr, OptStr, OptStr, std::string,
                Timestamp, Timestamp>("select org_id, id, instance, plan_id, price_id, quantity, "
                                      "trial_days, state, provider_customer_id, "
                                      "provider_checkout_id, provider_subscription_id, url, error, "
                                      "actor, asked_at, created_at from billing_checkouts " +
                                          where,
                                      binds)) {
    CheckoutRow row;
    row.org = std::move(org);
    row.id = std::move(id);
    row.instance = std::move(instance);
    row.plan = std::move(plan);
    row.price = std::move(price);
    row.quantity = quantity;
    row.trial_days = trial;
    row.state = std::move(state);
    row.provider_customer_id = customer.value_or("");
    row.provider_checkout_id = provider.value_or("");
    row.provider_subscription_id = subscription.value_or("");
    row.url = url.value_or("");
    row.error = error.value_or("");
    row.actor = std::move(actor);
    row.asked_at = asked;
    row.created_at = created;
    out.push_back(std::move(row));
  }
  return out;
}

/// A stored snapshot was written by us; should it not read back, the provider is asked again.
std::optional<HeldSnapshot> heldFrom(const OptStr& text, const OptTime& at) {
  if (!text || !at) return std::nullopt;
  const auto json = parseJson(*text);
  if (!json) return std::nullopt;
  auto snapshot = SubscriptionSnapshot::from(*json);
  if (!snapshot) return std::nullopt;
  return HeldSnapshot{std::move(*snapshot), *at};
}

std::vector<SubscriptionRow> subscriptions(db::Tx& tx, const std::string& where,
                                           const db::Binds& binds) {
  std::vector<SubscriptionRow> out;
  for (auto& [org, id, instance, provider, customer, snapshot, order_at, effective, effective_at,
              plan, price, privacy, seats, refund_full, refund_partial, opened, won, lost, dirty,
              refetch, missing, created] :
       tx.query<std::string, std::string, std::string, std::string, std::string, OptStr, OptTime,
                OptStr, OptTime, std::string, std::string, std::string, std::int64_t, OptTime,
                OptTime, OptTime, OptTime, OptTime, std::int64_t, Timestamp, OptTime, Timestamp>(
           "select org_id, id, instance, provider_subscription_id, provider_customer_id, snapshot, "
           "order_at, effective, "
           "effective_at, plan_id, price_id, privacy, seats, refund_full_at, refund_partial_at, "
           "dispute_opened_at, "
           "dispute_won_at, dispute_lost_at, dirty, refetch_after_at, missing_since_at, created_at "
           "from billing_subscriptions " +
               where,
           binds)) {
    SubscriptionRow row;
    row.org = std::move(org);
    row.id = std::move(id);
    row.instance = std::move(instance);
    row.provider_subscription_id = std::move(provider);
    row.provider_customer_id = std::move(customer);
    row.newest = heldFrom(snapshot, order_at);
    row.effective = heldFrom(effective, effective_at);
    row.grant = {std::move(plan), std::move(price), std::move(privacy), seats};
    row.marks = {refund_full, refund_partial, opened, won, lost};
    row.dirty = dirty;
    row.refetch_after_at = refetch;
    row.missing_since_at = missing;
    row.created_at = created;
    out.push_back(std::move(row));
  }
  return out;
}

OptStr textOf(const std::optional<HeldSnapshot>& held) {
  if (!held) return std::nullopt;
  return held->snapshot.json().dump();
}
OptTime timeOf(const std::optional<HeldSnapshot>& held) {
  if (!held) return std::nullopt;
  return held->order_at;
}

db::Binds bindsOf(const SubscriptionRow& row, Timestamp now) {
  return {{"org", row.org},
          {"id", row.id},
          {"instance", row.instance},
          {"provider", row.provider_subscription_id},
          {"customer", row.provider_customer_id},
          {"snapshot", textOf(row.newest)},
          {"order_at", timeOf(row.newest)},
          {"effective", textOf(row.effective)},
          {"effective_at", timeOf(row.effective)},
          {"status", plugin::toString(row.status())},
          {"plan", row.grant.plan},
          {"price", row.grant.price},
          {"privacy", row.grant.privacy},
          {"seats", row.grant.seats},
          {"refund_full", row.marks.refund_full_at},
          {"refund_partial", row.marks.refund_partial_at},
          {"opened", row.marks.dispute_opened_at},
          {"won", row.marks.dispute_won_at},
          {"lost", row.marks.dispute_lost_at},
          {"dirty", row.dirty},
          {"refetch", row.refetch_after_at},
          {"missing", row.missing_since_at},
          {"now", now}};
}

}  // namespace

// --- customers ----------------------------------------------------------------------------------

std::optional<Customer> Repository::customerOf(db::Tx& tx, const std::string& org,
                                               const std::string& instance) {
  return first(customers(
      tx, "where org_id = :org and instance = :instance order by created_at desc, id desc limit 1",
      {{"org", org}, {"instance", instance}}));
}

std::optional<Customer> Repository::customerByProvider(db::Tx& tx, const std::string& instance,
                                                       const std::string& provider_customer_id) {
  return first(customers(tx, "where instance = :instance and provider_customer_id = :provider",
                         {{"instance", instance}, {"provider", provider_customer_id}}));
}

bool Repository::addCustomer(db::Tx& tx, const Customer& customer) {
  return tx.exec(
             "insert into billing_customers (org_id, id, instance, provider_customer_id, "
             "reconcile_after_at, created_at) "
             "values (:org, :id, :instance, :provider, :after, :now) on conflict (instance, "
             "provider_customer_id) do nothing",
             {{"org", customer.org},
              {"id", customer.id},
              {"instance", customer.instance},
              {"provider", customer.provider_customer_id},
              {"after", customer.reconcile_after_at},
              {"now", tx.now()}}) == 1;
}

std::vector<Customer> Repository::customersDue(db::Tx& tx, const std::string& instance,
                                               Timestamp now, int limit) {
  return customers(tx,
                   "where instance = :instance and reconcile_after_at <= :now order by "
                   "reconcile_after_at, id limit :n",
                   {{"instance", instance}, {"now", now}, {"n", limit}});
}

bool Repository::claimReconcile(db::Tx& tx, const Customer& customer, Timestamp next) {
  return tx.exec(
             "update billing_customers set reconcile_after_at = :next where org_id = :org and id = "
             ":id and reconcile_after_at = :seen",
             {{"next", next},
              {"org", customer.org},
              {"id", customer.id},
              {"seen", customer.reconcile_after_at}}) == 1;
}

std::vector<Customer> Repository::customersAfter(db::Tx& tx, const std::string& org,
                                                 const std::string& after, int limit) {
  if (org.empty())
    return customers(tx, "where id > :after order by id limit :n", {{"after", after}, {"n", limit}});
  return customers(tx, "where org_id = :org and id > :after order by id limit :n",
                   {{"org", org}, {"after", after}, {"n", limit}});
}

std::int64_t Repository::countDue(db::Tx& tx, const std::string& instance, Timestamp now) {
  return std::get<0>(*tx.one<std::int64_t>(
      "select cast(count(*) as bigint) from billing_customers where instance = :instance and "
      "reconcile_after_at <= :now",
      {{"instance", instance}, {"now", now}}));
}

std::int64_t Repository::claimDue(db::Tx& tx, const std::string& instance, Timestamp next) {
  return tx.exec(
      "update billing_customers set reconcile_after_at = :next where instance = :instance and "
      "reconcile_after_at <= :now",
      {{"next", next}, {"instance", instance}, {"now", tx.now()}});
}

std::vector<Customer> Repository::customersByProvider(
    db::Tx& tx, const std::string& instance,
    const std::vector<std::string>& provider_customer_ids) {
  if (provider_customer_ids.empty()) return {};
  db::Binds binds{{"instance", instance}};
  const std::string list = inList(provider_customer_ids, binds);
  return customers(tx, "where instance = :instance and provider_customer_id in " + list, binds);
}

void Repository::reconcileAll(db::Tx& tx, Timestamp at) {
  tx.exec("update billing_customers set reconcile_after_at = :at where reconcile_after_at > :at",
          {{"at", at}});
}

void Repository::reconcileSoon(db::Tx& tx, const std::string& instance,
                               const std::string& provider_customer_id, Timestamp at) {
  tx.exec(
      "update billing_customers set reconcile_after_at = :at where instance = :instance and "
      "provider_customer_id = :provider and reconcile_after_at > :at",
      {{"at", at}, {"instance", instance}, {"provider", provider_customer_id}});
}

// --- checkouts ----------------------------------------------------------------------------------

std::optional<CheckoutRow> Repository::checkout(db::Tx& tx, const std::string& org,
                                                const std::string& id) {
  return first(checkouts(tx, "where org_id = :org and id = :id", {{"org", org}, {"id", id}}));
}

std::optional<CheckoutRow> Repository::checkoutOfAnyOrg(db::Tx& tx, const std::string& id) {
  return first(checkouts(tx, "where id = :id", {{"id", id}}));
}

std::optional<CheckoutRow> Repository::liveCheckout(db::Tx& tx, const std::string& org,
                                                    const std::string& instance,
                                                    const std::string& price,
                                                    std::int64_t quantity) {
  return first(checkouts(
      tx,
      "where org_id = :org and instance = :instance and price_id = :price and quantity = :quantity "
      "and (state = 'creating' or state = 'open')",
      {{"org", org}, {"instance", instance}, {"price", price}, {"quantity", quantity}}));
}

bool Repository::addCheckout(db::Tx& tx, const CheckoutRow& row) {
  return tx.exec(
             "insert into billing_checkouts (org_id, id, instance, plan_id, price_id, quantity, "
             "trial_days, state, actor, "
             "asked_at, created_at, updated_at) values (:org, :id, :instance, :plan, :price, "
             ":quantity, :trial, :state, "
             ":actor, :now, :now, :now) on conflict do nothing",
             {{"org", row.org},
              {"id", row.id},
              {"instance", row.instance},
              {"plan", row.plan},
              {"price", row.price},
              {"quantity", row.quantity},
              {"trial", row.trial_days},
              {"state", row.state},
              {"actor", row.actor},
              {"now", tx.now()}}) == 1;
}

void Repository::updateCheckout(db::Tx& tx, const CheckoutRow& row) {
  tx.exec(
      "update billing_checkouts set state = :state, provider_customer_id = :customer, "
      "provider_checkout_id = :provider, "
      "provider_subscription_id = :subscription, url = :url, error = :error, asked_at = :asked, "
      "updated_at = :now "
      "where org_id = :org and id = :id",
      {{"state", row.state},
       {"customer", row.provider_customer_id},
       {"provider", row.provider_checkout_id},
       {"subscription", row.provider_subscription_id},
       {"url", row.url},
       {"error", row.error},
       {"asked", row.asked_at},
       {"now", tx.now()},
       {"org", row.org},
       {"id", row.id}});
}

// --- subscriptions ------------------------------------------------------------------------------

std::optional<SubscriptionRow> Repository::subscription(db::Tx& tx, const std::string& org,
                                                        const std::string& id) {
  return first(subscriptions(tx, "where org_id = :org and id = :id", {{"org", org}, {"id", id}}));
}

std::optional<SubscriptionRow> Repository::subscriptionByProvider(
    db::Tx& tx, const std::string& instance, const std::string& provider_subscription_id) {
  return first(subscriptions(tx,
                             "where instance = :instance and provider_subscription_id = :provider",
                             {{"instance", instance}, {"provider", provider_subscription_id}}));
}

std::vector<SubscriptionRow> Repository::subscriptionsOf(db::Tx& tx, const std::string& org) {
  return subscriptions(tx, "where org_id = :org order by id", {{"org", org}});
}

bool Repository::addSubscription(db::Tx& tx, const SubscriptionRow& row) {
  return tx.exec(
             "insert into billing_subscriptions (org_id, id, instance, provider_subscription_id, "
             "provider_customer_id, "
             "snapshot, order_at, effective, effective_at, status, plan_id, price_id, privacy, "
             "seats, refund_full_at, "
             "refund_partial_at, dispute_opened_at, dispute_won_at, dispute_lost_at, dirty, "
             "refetch_after_at, "
             "missing_since_at, created_at, updated_at) values (:org, :id, :instance, :provider, "
             ":customer, :snapshot, "
             ":order_at, :effective, :effective_at, :status, :plan, :price, :privacy, :seats, "
             ":refund_full, "
             ":refund_partial, :opened, :won, :lost, :dirty, :refetch, :missing, :now, :now) "
             "on conflict (instance, provider_subscription_id) do nothing",
             bindsOf(row, tx.now())) == 1;
}

void Repository::updateSubscription(db::Tx& tx, const SubscriptionRow& row) {
  auto binds = bindsOf(row, tx.now());
  std::erase_if(binds, [](const db::Bind& bind) {
    return bind.name == "instance" || bind.name == "provider";
  });
  tx.exec(
      "update billing_subscriptions set provider_customer_id = :customer, snapshot = :snapshot, "
      "order_at = :order_at, "
      "effective = :effective, effective_at = :effective_at, status = :status, plan_id = :plan, "
      "price_id = :price, "
      "privacy = :privacy, seats = :seats, refund_full_at = :refund_full, refund_partial_at = "
      ":refund_partial, "
      "dispute_opened_at = :opened, dispute_won_at = :won, dispute_lost_at = :lost, dirty = "
      ":dirty, "
      "refetch_after_at = :refetch, missing_since_at = :missing, updated_at = :now where org_id = "
      ":org and id = :id",
      binds);
}

std::vector<SubscriptionRow> Repository::subscriptionsByProvider(
    db::Tx& tx, const std::string& instance,
    const std::vector<std::string>& provider_subscription_ids) {
  if (provider_subscription_ids.empty()) return {};
  db::Binds binds{{"instance", instance}};
  const std::string list = inList(provider_subscription_ids, binds);
  return subscriptions(tx, "where instance = :instance and provider_subscription_id in " + list,
                       binds);
}

std::vector<SubscriptionRow> Repository::liveAfter(db::Tx& tx, const std::string& instance,
                                                   const std::string& after, int limit) {
  return subscriptions(tx,
                       "where instance = :instance and provider_subscription_id > :after and "
                       "status in ('trialing', 'active', 'past_due', 'paused') order by "
                       "provider_subscription_id limit :n",
                       {{"instance", instance}, {"after", after}, {"n", limit}});
}

std::vector<SubscriptionRow> Repository::dirtySubscriptions(db::Tx& tx, Timestamp now, int limit) {
  return subscriptions(
      tx, "where dirty > 0 and refetch_after_at <= :now order by refetch_after_at, id limit :n",
      {{"now", now}, {"n", limit}});
}

std::int64_t Repository::countDirty(db::Tx& tx) {
  return std::get<0>(*tx.one<std::int64_t>(
      "select cast(count(*) as bigint) from billing_subscriptions where dirty > 0"));
}

std::vector<std::pair<std::string, std::int64_t>> Repository::subscriptionsPerInstance(db::Tx& tx) {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (auto& [instance, count] : tx.query<std::string, std::int64_t>(
           "select instance, cast(count(*) as bigint) from billing_subscriptions where status <> "
           "'canceled' group by instance order by instance")) {
    out.emplace_back(std::move(instance), count);
  }
  return out;
}

std::vector<CatalogUse::OfPrice> Repository::subscriptionsPerPrice(db::Tx& tx) {
  std::vector<CatalogUse::OfPrice> out;
  for (auto& [price, instance, subscriptions, orgs, seats] :
       tx.query<std::string, std::string, std::int64_t, std::int64_t, std::int64_t>(
           "select price_id, instance, cast(count(*) as bigint), cast(count(distinct org_id) as "
           "bigint), cast(coalesce(sum(case when seats > 1000000 then 0 else seats end), 0) as "
           "bigint) from billing_subscriptions where status <> 'canceled' and status <> "
           "'incomplete_expired' and price_id <> '' group by price_id, instance order by price_id, "
           "instance",
           {})) {
    out.push_back({std::move(price), std::move(instance), subscriptions, orgs, seats});
  }
  return out;
}

}  // namespace ccp::billing
