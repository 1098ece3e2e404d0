// Compares a whole account with what we hold, a page of a hundred subscriptions a question: what one
// question for each customer cannot do when there are many. Remembers where it is between calls and
// does what the provider's rate allows now. Memory: eight bytes for each subscription of the account.
// Threads: one worker calls.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_set>

#include "core/billing/reconcile_report.hpp"
#include "core/billing/snapshots.hpp"

namespace ccp::billing {

class Sweep {
 public:
  Sweep(db::Db& db, Repository& repository, Snapshots& snapshots,
        plugin::BillingProviders& providers, const config::LiveSettings& settings,
        const Clock& clock, Random& random, CallBudget& budget, ReconcileLog& log);

  /// Begins where many customers are due, goes on where one is under way. Providers without such a
  /// list are left to the questions by customer.
  Status run(const std::function<bool()>& stop);

 private:
  struct Progress {
    std::string cursor;
    Timestamp began_at{};
    std::int64_t compared = 0;
    std::unordered_set<std::uint64_t> seen;  ///< hashes of the provider's ids
  };
  Status runInstance(const std::string& instance, const std::function<bool()>& stop);
  Result<bool> begin(const std::string& instance);
  Status applyPage(const std::string& instance, const std::vector<SubscriptionSnapshot>& items,
                   Timestamp asked_at);
  /// Running subscriptions that the account does not list: each is asked for by name.
  Status doubtUnlisted(const std::string& instance, const Progress& progress);

  db::Db& db_;
  Repository& repository_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  CallBudget& budget_;
  ReconcileLog& log_;
  std::map<std::string, Progress> running_;
  std::set<std::string> without_;  ///< instances whose provider has no such list
};

}  // namespace ccp::billing
