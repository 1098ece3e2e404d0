// SQL of customers, checkouts and subscriptions. Every call runs inside the caller's unit of work.
// Units of work that may concern any org (webhooks, reconciler, success page) run in system scope.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/catalog_diff.hpp"
#include "core/billing/subscription_state.hpp"
#include "core/db/db.hpp"

namespace ccp::billing {

/// The provider's customer of an org at one instance: the only authority on whose an event is.
struct Customer {
  std::string org;
  std::string id;  ///< cus_…
  std::string instance;
  std::string provider_customer_id;
  Timestamp reconcile_after_at{};
};

struct CheckoutRow {
  std::string org;
  std::string id;  ///< chk_…
  std::string instance;
  std::string plan;
  std::string price;
  std::int64_t quantity = 1;
  std::int64_t trial_days = 0;
  std::string state;  ///< creating, open, confirmed, succeeded, expired, failed
  std::string provider_customer_id;
  std::string provider_checkout_id;
  std::string provider_subscription_id;
  std::string url;
  std::string error;
  std::string actor;
  Timestamp asked_at{};  ///< last time the provider was asked how it stands
  Timestamp created_at{};
};

struct SubscriptionRow : SubscriptionState {
  std::string org;
  std::string id;  ///< sub_…
  std::string instance;
  std::string provider_subscription_id;
  std::string provider_customer_id;
  Timestamp created_at{};
};

class Repository {
 public:
  // Customers.
  std::optional<Customer> customerOf(db::Tx& tx, const std::string& org,
                                     const std::string& instance);
  std::optional<Customer> customerByProvider(db::Tx& tx, const std::string& instance,
                                             const std::string& provider_customer_id);
  /// False when the provider's id already stands for a customer (of this or another org).
  bool addCustomer(db::Tx& tx, const Customer& customer);
  /// Customers of an instance whose turn has come, longest waiting first.
  std::vector<Customer> customersDue(db::Tx& tx, const std::string& instance, Timestamp now,
                                     int limit);
  /// Customers in the order of their ids; `org` empty: everybody's.
  std::vector<Customer> customersAfter(db::Tx& tx, const std::string& org,
                                       const std::string& after, int limit);
  std::int64_t countDue(db::Tx& tx, const std::string& instance, Timestamp now);
  /// Takes the turn of every customer that is due; returns of how many.
  std::int64_t claimDue(db::Tx& tx, const std::string& instance, Timestamp next);
  /// Of up to some hundred ids, those that are ours.
  std::vector<Customer> customersByProvider(db::Tx& tx, const std::string& instance,
                                            const std::vector<std::string>& provider_customer_ids);
  /// Takes a customer's turn; false when another node was faster.
  bool claimReconcile(db::Tx& tx, const Customer& customer, Timestamp next);
  void reconcileAll(db::Tx& tx, Timestamp at);
  /// The customer's turn comes at `at` at the latest.
  void reconcileSoon(db::Tx& tx, const std::string& instance,
                     const std::string& provider_customer_id, Timestamp at);

  // Checkouts.
  std::optional<CheckoutRow> checkout(db::Tx& tx, const std::string& org, const std::string& id);
  std::optional<CheckoutRow> checkoutOfAnyOrg(db::Tx& tx, const std::string& id);
  std::optional<CheckoutRow> liveCheckout(db::Tx& tx, const std::string& org,
                                          const std::string& instance, const std::string& price,
                                          std::int64_t quantity);
  /// False when an equal live checkout exists.
  bool addCheckout(db::Tx& tx, const CheckoutRow& row);
  void updateCheckout(db::Tx& tx, const CheckoutRow& row);

  // Subscriptions.
  std::optional<SubscriptionRow> subscription(db::Tx& tx, const std::string& org,
                                              const std::string& id);
  std::optional<SubscriptionRow> subscriptionByProvider(
      db::Tx& tx, const std::string& instance, const std::string& provider_subscription_id);
  /// Of up to some hundred ids, those that we know.
  std::vector<SubscriptionRow> subscriptionsByProvider(
      db::Tx& tx, const std::string& instance,
      const std::vector<std::string>& provider_subscription_ids);
  /// Trialing, active, past due and paused ones of an instance, in the order of the provider's ids.
  std::vector<SubscriptionRow> liveAfter(db::Tx& tx, const std::string& instance,
                                         const std::string& after, int limit);
  std::vector<SubscriptionRow> subscriptionsOf(db::Tx& tx, const std::string& org);
  bool addSubscription(db::Tx& tx, const SubscriptionRow& row);
  void updateSubscription(db::Tx& tx, const SubscriptionRow& row);
  std::vector<SubscriptionRow> dirtySubscriptions(db::Tx& tx, Timestamp now, int limit);
  std::int64_t countDirty(db::Tx& tx);
  /// Subscriptions per instance that are not canceled: removing such an instance is refused.
  std::vector<std::pair<std::string, std::int64_t>> subscriptionsPerInstance(db::Tx& tx);
  /// Subscriptions that have not ended, by price of the catalog and instance; in system scope.
  std::vector<CatalogUse::OfPrice> subscriptionsPerPrice(db::Tx& tx);
};

}  // namespace ccp::billing
