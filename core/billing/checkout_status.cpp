// How a checkout ended: asked of the provider, applied through Snapshots.
#include "core/base/log.hpp"
#include "core/billing/checkouts.hpp"

namespace ccp::billing {

namespace {

/// A page that reloads and a command that polls at once cost the provider one question.
constexpr Duration kAskAgain = milliseconds(200);

/// Paid, but no subscription named yet, is not over: some providers set it up a moment later.
bool isOver(const CheckoutRow& row) {
  if (row.state == "succeeded") return !row.provider_subscription_id.empty();
  return row.state == "expired" || row.state == "failed";
}

}  // namespace

Result<CheckoutRow> Checkouts::refresh(const CheckoutRow& row, const plugin::CallContext& context) {
  if (isOver(row) || row.provider_checkout_id.empty()) return row;
  const Timestamp asked_at = clock_.now();
  if (asked_at - row.asked_at < kAskAgain) return row;
  CCP_TRY(const auto provider, providers_.find(row.instance));
  plugin::CallContext call = context;
  call.tenant = row.org;
  auto checkout = provider->getCheckout(call, row.provider_checkout_id);
  if (!checkout)
    return fail(checkout.error().code == Errc::not_found
                    ? Error{Errc::provider_error, "The provider does not know the checkout."}
                    : checkout.error());
  std::optional<SubscriptionSnapshot> snapshot;
  std::int64_t doubts = 0;
  if (!checkout->subscription_id.empty()) {
    CCP_TRY(doubts, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
      const auto known =
          repository_.subscriptionByProvider(tx, row.instance, checkout->subscription_id);
      return known ? known->dirty : 0;
    }));
    CCP_TRY(snapshot, provider->getSubscription(call, checkout->subscription_id));
  }
  // System scope: the snapshot's customer decides whose it is.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<CheckoutRow> {
    auto stored = repository_.checkout(tx, row.org, row.id);
    if (!stored) return fail(Errc::not_found, "The checkout is gone.");
    stored->asked_at = asked_at;
    if (!checkout->status.empty() && !isOver(*stored)) stored->state = checkout->status;
    if (snapshot) {
      const auto owner = repository_.customerByProvider(tx, row.instance, snapshot->customer_id);
      if (!owner || owner->org != row.org) {
        log::error("billing.checkout_of_another_customer", {{"instance", row.instance},
                                                            {"org", row.org},
                                                            {"checkout", row.id},
                                                            {"customer", snapshot->customer_id}});
        return fail(Errc::conflict,
                    "The checkout was paid by a customer of another organization. The operator has "
                    "been told.");
      }
      stored->provider_subscription_id = snapshot->id;
      CCP_TRY([[maybe_unused]] const Verdict verdict,
              snapshots_.apply(tx, {row.org, row.instance}, *snapshot, Provenance::answer(asked_at),
                               doubts));
    }
    if (stored->state == "succeeded" && !isOver(*stored)) {
      repository_.reconcileSoon(tx, row.instance, row.provider_customer_id, tx.now());
    }
    repository_.updateCheckout(tx, *stored);
    return std::move(*stored);
  });
}

Result<CheckoutRow> Checkouts::get(const std::string& org, const std::string& id,
                                   const plugin::CallContext& context) {
  CCP_TRY(const auto row,
          db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<std::optional<CheckoutRow>> {
            return repository_.checkout(tx, org, id);
          }));
  if (!row) return fail(Errc::not_found, "There is no checkout " + id + ".");
  return refresh(*row, context);
}

Result<CheckoutRow> Checkouts::confirm(const std::string& id, const plugin::CallContext& context) {
  if (!isId(id, "chk")) return fail(Errc::not_found, "This is no checkout.");
  // System scope: the browser that comes back from the provider is not logged in.
  CCP_TRY(const auto row,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<CheckoutRow>> {
            return repository_.checkoutOfAnyOrg(tx, id);
          }));
  if (!row) return fail(Errc::not_found, "There is no such checkout.");
  return refresh(*row, context);
}

}  // namespace ccp::billing
