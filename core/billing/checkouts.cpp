#include "core/billing/checkouts.hpp"

#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

Error notSold(const std::string& price, const std::string& rule) {
  return Error{Errc::validation_failed, "price " + price + " " + rule, {{"/price", rule}}};
}

}  // namespace

Status authorizeBuyer(db::Tx& tx, identity::Directory& directory, const Buyer& buyer) {
  const auto membership =
      buyer.user.empty() ? std::nullopt : directory.membership(tx, buyer.org, buyer.user);
  return authorizeBuyer(membership ? std::string_view(membership->role) : std::string_view());
}

Checkouts::Checkouts(db::Db& db, Repository& repository, InboxRepository& inbox,
                     Snapshots& snapshots, identity::Directory& directory,
                     plugin::BillingProviders& providers, const config::LiveSettings& settings,
                     const Clock& clock, Random& random)
    : db_(db),
      repository_(repository),
      inbox_(inbox),
      snapshots_(snapshots),
      directory_(directory),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random) {}

Result<Checkouts::Intent> Checkouts::writeIntent(const Buyer& buyer, const std::string& instance,
                                                 const config::PlanCatalog::PriceRef& ref,
                                                 std::int64_t quantity) {
  const auto settings = settings_.now();
  return db_.write(db::Scope::org(buyer.org), [&](db::Tx& tx) -> Result<Intent> {
    CCP_CHECK_OK(authorizeBuyer(tx, directory_, buyer));
    const auto org = directory_.org(tx, buyer.org);
    if (!org) return fail(Errc::not_found, "The organization does not exist.");
    const auto subscriptions = repository_.subscriptionsOf(tx, buyer.org);
    for (const auto& each : subscriptions) {
      const bool blocked =
          each.effective &&
          !blockedBy(each.marks, each.effective->snapshot, settings->billing.on_dispute).empty();
      if (!isLive(each.status()) || blocked) continue;
      return fail(Errc::conflict,
                  "The organization already has plan " + each.grant.plan + " (subscription " +
                      each.id + ", " + plugin::toString(each.status()) +
                      "). Change it with POST /v1/billing/change or /v1/billing/seats, or end it with "
                      "`ccp billing portal` (POST /v1/billing/portal).");
    }
    Intent out;
    out.org_name = org->name;
    out.email = directory_.ownerEmail(tx, buyer.org).value_or("");
    out.customer = repository_.customerOf(tx, buyer.org, instance);
    if (auto live = repository_.liveCheckout(tx, buyer.org, instance, ref.price->id, quantity)) {
      out.row = std::move(*live);
      out.reused = true;
      return out;
    }
    out.row.org = buyer.org;
    out.row.id = newId("chk", clock_, random_);
    out.row.instance = instance;
    out.row.plan = ref.plan->id;
    out.row.price = ref.price->id;
    out.row.quantity = quantity;
    out.row.trial_days = trialDaysFor(*ref.price, !subscriptions.empty());
    out.row.state = "creating";
    out.row.actor = buyer.actor;
    if (!repository_.addCheckout(tx, out.row))
      return fail(Errc::conflict, "An equal checkout is being created at this moment.");
    const Json data = Json::object({{"price", out.row.price},
                                    {"plan", out.row.plan},
                                    {"quantity", quantity},
                                    {"instance", instance}});
    tx.audit({buyer.org, buyer.actor, "checkout.create", out.row.id, {}, data, ""});
    tx.emit({"checkout.created", buyer.org, out.row.id, data});
    return out;
  });
}

Result<std::string> Checkouts::ensureCustomer(const Intent& intent,
                                              plugin::BillingProvider& provider,
                                              plugin::CallContext context) {
  if (intent.customer) return intent.customer->provider_customer_id;
  context.idempotency_key = intent.row.org + "/customer/" + intent.row.instance;
  CCP_TRY(const std::string id,
          provider.ensureCustomer(context, intent.row.org, intent.email, intent.org_name));
  if (id.empty()) return fail(Errc::provider_error, "The provider named no customer.");
  Customer customer;
  customer.org = intent.row.org;
  customer.id = newId("cus", clock_, random_);
  customer.instance = intent.row.instance;
  customer.provider_customer_id = id;
  // System scope: parked webhooks of this customer belong to no org yet.
  CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    customer.reconcile_after_at = tx.now() + settings_.now()->billing.reconcile_interval;
    if (!repository_.addCustomer(tx, customer)) {
      const auto owner = repository_.customerByProvider(tx, customer.instance, id);
      if (owner && owner->org == customer.org) return {};
      log::error("billing.customer_of_another_org",
                 {{"instance", customer.instance}, {"org", customer.org}, {"customer", id}});
      return fail(Errc::conflict,
                  "The provider's customer already stands for another organization. The operator "
                  "has been told.");
    }
    inbox_.unpark(tx, customer.instance, id);
    return {};
  }));
  return id;
}

Result<CheckoutRow> Checkouts::record(const CheckoutRow& row, const plugin::Checkout& checkout,
                                      const std::string& customer) {
  return db_.write(db::Scope::org(row.org), [&](db::Tx& tx) -> Result<CheckoutRow> {
    auto stored = repository_.checkout(tx, row.org, row.id);
    if (!stored) return fail(Errc::not_found, "The checkout is gone.");
    // Two requests for one intent: the first answer counts, and both get it.
    if (stored->state != "creating") return std::move(*stored);
    stored->state = "open";
    stored->provider_checkout_id = checkout.id;
    stored->provider_customer_id = customer;
    stored->url = checkout.url;
    repository_.updateCheckout(tx, *stored);
    return std::move(*stored);
  });
}

Status Checkouts::recordFailure(const CheckoutRow& row, const Error& error) {
  return db_.write(db::Scope::org(row.org), [&](db::Tx& tx) -> Status {
    auto stored = repository_.checkout(tx, row.org, row.id);
    if (!stored || stored->state != "creating") return {};
    stored->state = "failed";
    stored->error = error.text();
    repository_.updateCheckout(tx, *stored);
    return {};
  });
}

Result<CheckoutRow> Checkouts::create(const Buyer& buyer, const std::string& price,
                                      std::int64_t quantity, const plugin::CallContext& context) {
  const auto settings = settings_.now();  // one version of it for the whole checkout
  const auto ref = settings->plans.findPrice(price);
  if (!ref.price) return fail(notSold(price, "is not in the plan catalog; see GET /v1/plans"));
  if (ref.price->retired) return fail(notSold(price, "is not sold any more"));
  CCP_CHECK_OK(checkQuantity(*ref.plan, *ref.price, quantity));
  const std::string& instance = settings->billing.default_instance;
  if (instance.empty())
    return fail(Errc::plugin_unavailable, "No billing instance is configured (billing.default).");
  const auto mapping = ref.price->providers.find(instance);
  if (mapping == ref.price->providers.end())
    return fail(notSold(price, "is not sold through " + instance));
  CCP_TRY(Intent intent, writeIntent(buyer, instance, ref, quantity));
  CCP_TRY(const auto provider, providers_.find(instance));
  if (intent.reused && intent.row.state == "open") {
    CCP_TRY(const CheckoutRow now, refresh(intent.row, context));
    if (now.state == "open") return now;
    // It ended while nobody looked: begin a new one, or be told that the plan is paid by now.
    CCP_TRY(intent, writeIntent(buyer, instance, ref, quantity));
  }

  return place(intent, ref, std::nullopt, context);
}

Result<CheckoutRow> Checkouts::place(const Intent& intent,
                                     const config::PlanCatalog::PriceRef& ref,
                                     std::optional<Timestamp> first_charge_at,
                                     const plugin::CallContext& context) {
  const auto settings = settings_.now();
  const auto& mapping = ref.price->providers.at(intent.row.instance);
  CCP_TRY(const auto provider, providers_.find(intent.row.instance));
  plugin::CallContext call = context;
  call.tenant = intent.row.org;
  auto customer = ensureCustomer(intent, *provider, call);
  if (!customer) {
    CCP_CHECK_OK(recordFailure(intent.row, customer.error()));
    return fail(customer.error());
  }
  plugin::CheckoutRequest request;
  request.org_id = intent.row.org;
  request.customer_id = *customer;
  request.customer_email = intent.email;
  request.product_id = mapping.product;
  request.price_id = mapping.price;
  request.quantity = intent.row.quantity;
  request.trial_days = static_cast<int>(intent.row.trial_days);
  request.first_charge_at = first_charge_at;
  request.success_url = settings->server.public_url + "/billing/success?checkout=" + intent.row.id;
  request.return_url = settings->server.public_url + "/dashboard";
  request.metadata = {
      {"ccp_org", intent.row.org}, {"ccp_checkout", intent.row.id}, {"ccp_price", intent.row.price}};
  call.idempotency_key = intent.row.id;
  auto checkout = provider->createCheckout(call, request);
  if (checkout && (checkout->id.empty() || checkout->url.empty()))
    checkout = fail(Errc::provider_error, "The provider's checkout has no id or no URL.");
  if (!checkout) {
    // A new attempt gets a new id: some providers replay a stored failure for the same key.
    CCP_CHECK_OK(recordFailure(intent.row, checkout.error()));
    return fail(checkout.error());
  }
  return record(intent.row, *checkout, *customer);
}

Result<CheckoutRow> Checkouts::createForMove(const MoveOrder& order,
                                             const plugin::CallContext& context) {
  const auto settings = settings_.now();
  const auto ref = settings->plans.findPrice(order.price);
  if (!ref.price || !ref.price->providers.contains(order.instance))
    return fail(notSold(order.price, "is not sold through " + order.instance));
  CCP_TRY(const Intent intent,
          db_.write(db::Scope::org(order.org), [&](db::Tx& tx) -> Result<Intent> {
            const auto org = directory_.org(tx, order.org);
            if (!org) return fail(Errc::not_found, "The organization does not exist.");
            Intent out;
            out.org_name = org->name;
            out.email = directory_.ownerEmail(tx, order.org).value_or("");
            out.customer = repository_.customerOf(tx, order.org, order.instance);
            if (auto live = repository_.liveCheckout(tx, order.org, order.instance, order.price,
                                                     order.quantity)) {
              // Of this very order: a crash came between the two. Of another one: it ends here.
              if (live->actor == "move:" + order.key) {
                out.row = std::move(*live);
                return out;
              }
              live->state = "expired";
              repository_.updateCheckout(tx, *live);
            }
            out.row.org = order.org;
            out.row.id = newId("chk", clock_, random_);
            out.row.instance = order.instance;
            out.row.plan = ref.plan->id;
            out.row.price = order.price;
            out.row.quantity = order.quantity;
            out.row.state = "creating";
            out.row.actor = "move:" + order.key;
            if (!repository_.addCheckout(tx, out.row))
              return fail(Errc::conflict, "An equal checkout is being created at this moment.");
            return out;
          }));
  if (intent.row.state == "open") return intent.row;
  return place(intent, ref, order.first_charge_at, context);
}

}  // namespace ccp::billing
