// Buying a plan: the intent is stored before the provider hears of it; price, org and success URL
// are the server's. How a checkout ended is asked of the provider, never believed from a URL.
// Threads: thread-safe.
#pragma once

#include <string>

#include "core/billing/inbox_repository.hpp"
#include "core/billing/snapshots.hpp"
#include "core/identity/service.hpp"

namespace ccp::billing {

/// Who asks, as authenticated; the role is looked up, not believed.
struct Buyer {
  std::string org;
  std::string user;
  std::string actor;
};

/// Role of a person in an org, checked for billing; `forbidden` otherwise.
Status authorizeBuyer(db::Tx& tx, identity::Directory& directory, const Buyer& buyer);

class Checkouts {
 public:
  Checkouts(db::Db& db, Repository& repository, InboxRepository& inbox, Snapshots& snapshots,
            identity::Directory& directory, plugin::BillingProviders& providers,
            const config::LiveSettings& settings, const Clock& clock, Random& random);

  /// Starts a checkout, or returns the open one of the same price and quantity. `forbidden`,
  /// `validation_failed` (price, quantity), `conflict` when a subscription is live: the portal
  /// changes it. May block on the provider.
  Result<CheckoutRow> create(const Buyer& buyer, const std::string& price, std::int64_t quantity,
                             const plugin::CallContext& context);
  /// The checkout of a move to another provider: what is running goes on until `first_charge_at`.
  struct MoveOrder {
    std::string org, instance, price;
    std::int64_t quantity = 1;
    Timestamp first_charge_at{};
    std::string key;  ///< the same for every try of one checkout
  };
  Result<CheckoutRow> createForMove(const MoveOrder& order, const plugin::CallContext& context);
  /// Where an org's checkout stands; asks the provider while it is not settled. `not_found`.
  Result<CheckoutRow> get(const std::string& org, const std::string& id,
                          const plugin::CallContext& context);
  /// The same for the success page, where nobody is logged in: the id is the secret.
  Result<CheckoutRow> confirm(const std::string& id, const plugin::CallContext& context);

 private:
  struct Intent {
    CheckoutRow row;
    bool reused = false;
    std::optional<Customer> customer;
    std::string email;
    std::string org_name;
  };
  Result<CheckoutRow> place(const Intent& intent, const config::PlanCatalog::PriceRef& ref,
                            std::optional<Timestamp> first_charge_at,
                            const plugin::CallContext& context);
  Result<Intent> writeIntent(const Buyer& buyer, const std::string& instance, const config::PlanCatalog::PriceRef& ref,
                             std::int64_t quantity);
  Result<std::string> ensureCustomer(const Intent& intent, plugin::BillingProvider& provider,
                                     plugin::CallContext context);
  Result<CheckoutRow> record(const CheckoutRow& row, const plugin::Checkout& checkout,
                             const std::string& customer);
  Status recordFailure(const CheckoutRow& row, const Error& error);
  Result<CheckoutRow> refresh(const CheckoutRow& row, const plugin::CallContext& context);

  db::Db& db_;
  Repository& repository_;
  InboxRepository& inbox_;
  Snapshots& snapshots_;
  identity::Directory& directory_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace ccp::billing
