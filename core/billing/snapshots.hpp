// Applies what a provider says about a subscription: one path for webhooks, reconciler and success
// page. Facts, license, event and audit row change in the caller's unit of work (system scope).
// Threads: thread-safe; holds no state.
#pragma once

#include <string>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/billing/move_repository.hpp"
#include "core/billing/reminder_repository.hpp"
#include "core/billing/repository.hpp"
#include "core/config/live_settings.hpp"
#include "core/licensing/service.hpp"

namespace ccp::billing {

/// Who is told that the provider said it, and whose it is by the customer row.
struct Origin {
  std::string org;
  std::string instance;
  std::string actor() const { return "billing:" + instance; }
};

/// For `doubts_seen`: the question was not about this subscription alone, doubts about it stay.
inline constexpr std::int64_t kKeepDoubts = -1;

class Snapshots {
 public:
  Snapshots(Repository& repository, MoveRepository& moves, licensing::Licenses& licenses, const config::LiveSettings& settings,
            const Clock& clock, Random& random, Metrics& metrics);

  /// Applies, or marks dirty, or leaves alone, as applySnapshot says. `doubts_seen`: for an answer,
  /// the row's dirty count when we began to ask; newer doubts stay. `conflict` when the
  /// subscription belongs to another org.
  Result<Verdict> apply(db::Tx& tx, const Origin& origin, const SubscriptionSnapshot& snapshot,
                        const Provenance& from, std::int64_t doubts_seen = 0);
  /// Records a refund or dispute. May come before the first snapshot of its subscription.
  Status mark(db::Tx& tx, const Origin& origin, const plugin::BillingEvent& event, Timestamp at);
  /// The subscription has changed in a way we were not told: ask the provider.
  Status doubt(db::Tx& tx, const Origin& origin, const std::string& customer,
               const std::string& provider_subscription_id);
  /// The provider says that there is no such subscription.
  Status missing(db::Tx& tx, const SubscriptionRow& row);
  /// What the org's subscriptions come to for its license, counted anew.
  Status recount(db::Tx& tx, const std::string& org, const std::string& actor);
  /// The provider could not answer for a dirty subscription: when to ask again.
  void refetchLater(db::Tx& tx, const SubscriptionRow& row, Timestamp at);

 private:
  struct Loaded {
    SubscriptionRow row;
    bool stored = false;
  };
  Result<Loaded> load(db::Tx& tx, const Origin& origin, const std::string& customer,
                      const std::string& provider_subscription_id);
  Status store(db::Tx& tx, const Loaded& loaded);
  Status changed(db::Tx& tx, const Origin& origin, const Json& before, const SubscriptionRow& row,
                 const std::string& reason);
  void alert(db::Tx& tx, const Origin& origin, const SubscriptionRow& row, Finding finding);
  /// Stores what a pure function changed, tells the operator and, when it matters, licensing.
  Status settle(db::Tx& tx, const Origin& origin, const Loaded& loaded, const Json& before,
                const StateChange& change, const std::string& reason);

  Repository& repository_;
  MoveRepository& moves_;
  ReminderRepository reminders_;
  licensing::Licenses& licenses_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
};

/// A subscription as audit rows and events show it.
Json describe(const SubscriptionRow& row);

}  // namespace ccp::billing
