// Asks providers for the truth: dirty subscriptions one by one, and every known customer on a
// schedule and after a start, because providers drop and reorder webhooks. Repairs go through
// Snapshots. Never sleeps: it does what the provider's rate allows now and goes on at the next
// call. Threads: one worker calls; report() from any.
#pragma once

#include <functional>
#include <string>

#include "core/billing/missed_events.hpp"
#include "core/billing/sweep.hpp"

namespace ccp::billing {

class Reconciler {
 public:
  Reconciler(db::Db& db, Repository& repository, InboxRepository& inbox, Snapshots& snapshots,
             plugin::BillingProviders& providers, const config::LiveSettings& settings,
             const Clock& clock, Random& random, Metrics& metrics);

  /// Makes everything due now: at start, and for an operator.
  Status scheduleAll();
  /// Puts refunds and disputes that no webhook brought into the inbox; returns how many.
  Result<int> recoverEvents(const std::function<bool()>& stop);
  /// One getSubscription for each dirty subscription that is due; several doubts are one question.
  Result<int> refetchDirty(const std::function<bool()>& stop);
  /// Lists the subscriptions of customers that are due, as far as the budget goes: the whole account
  /// when they are many.
  Result<int> reconcileDue(const std::function<bool()>& stop);
  ReconcileReport report() const { return log_.report(); }

 private:
  plugin::CallContext context(const std::string& org);
  Status refetch(const SubscriptionRow& row);
  Status reconcile(const Customer& customer, plugin::BillingProvider& provider);
  Status apply(const Customer& customer, const SubscriptionSnapshot& snapshot, Timestamp asked_at,
               std::int64_t doubts_seen);

  db::Db& db_;
  Repository& repository_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  CallBudget budget_;
  ReconcileLog log_;
  Sweep sweep_;
  MissedEvents missed_;
};

}  // namespace ccp::billing
