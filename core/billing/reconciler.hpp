// Asks providers for the truth: dirty subscriptions one by one, and every known customer on a
// schedule and after a start, because providers drop and reorder webhooks. Repairs go through
// Snapshots. Never sleeps: it does what the provider's rate allows now and goes on at the next
// call. Threads: one worker calls; report() from any.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "core/billing/inbox_repository.hpp"
#include "core/billing/snapshots.hpp"

namespace ccp::billing {

/// Calls that we may make to one provider now: 60 a minute, which leaves room for people below the
/// smallest published limit (100 a minute, contracts.md 1).
class CallBudget {
 public:
  explicit CallBudget(const Clock& clock) : clock_(clock) {}
  /// Takes one call; false when there is none left now.
  bool take(const std::string& instance);
  /// The provider refused: nothing for this long.
  void pause(const std::string& instance, Duration d);

 private:
  struct Bucket {
    double left = 60;
    Timestamp filled_at{};
    Timestamp paused_until{};
  };
  const Clock& clock_;
  std::map<std::string, Bucket> buckets_;
};

/// What the last round found; for doctor.
struct ReconcileReport {
  std::optional<Timestamp> last_call_at;
  std::int64_t customers = 0;      ///< asked about since start
  std::int64_t subscriptions = 0;  ///< answers compared
  std::int64_t repaired = 0;   ///< answers that changed something: webhooks that had been missed
  std::int64_t refetched = 0;  ///< dirty subscriptions settled
  std::int64_t failures = 0;
  std::map<std::string, std::string>
      last_error;  ///< by instance; empty when the last call went well
};

class Reconciler {
 public:
  Reconciler(db::Db& db, Repository& repository, Snapshots& snapshots,
             plugin::BillingProviders& providers, const config::LiveSettings& settings,
             const Clock& clock, Random& random, Metrics& metrics);

  /// Makes every customer due now: at start, and for an operator.
  Status scheduleAll();
  /// One getSubscription for each dirty subscription that is due; several doubts are one question.
  Result<int> refetchDirty(const std::function<bool()>& stop);
  /// Lists the subscriptions of customers that are due, as far as the budget goes.
  Result<int> reconcileDue(const std::function<bool()>& stop);
  ReconcileReport report() const;

 private:
  plugin::CallContext context(const std::string& org);
  Status refetch(const SubscriptionRow& row);
  Status reconcile(const Customer& customer, plugin::BillingProvider& provider);
  Status apply(const Customer& customer, const SubscriptionSnapshot& snapshot, Timestamp asked_at,
               std::int64_t doubts_seen);
  void failed(const std::string& instance, const Error& error);
  void succeeded(const std::string& instance);

  db::Db& db_;
  Repository& repository_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  CallBudget budget_;
  mutable std::mutex mutex_;
  ReconcileReport report_;
};

}  // namespace ccp::billing
