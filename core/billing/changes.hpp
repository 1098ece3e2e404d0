// Seats and plan of a running subscription, changed at its provider. What counts is the provider's answer:
// it is applied at once as any snapshot is, never what we asked for. Threads: thread-safe.
#pragma once

#include <optional>
#include <string>

#include "core/billing/checkouts.hpp"
#include "core/billing/money.hpp"
#include "core/billing/move_repository.hpp"

namespace ccp::billing {

/// How the difference is paid for, as the plugin interface says.
inline constexpr const char* kProrations[] = {"now", "next_period", "none"};

class Changes {
 public:
  Changes(db::Db& db, Repository& repository, MoveRepository& moves, Snapshots& snapshots, identity::Directory& directory,
          licensing::Licenses& licenses, plugin::BillingProviders& providers,
          const config::LiveSettings& settings, const Clock& clock)
      : db_(db),
        repository_(repository),
        moves_(moves),
        snapshots_(snapshots),
        directory_(directory),
        licenses_(licenses),
        providers_(providers),
        settings_(settings),
        clock_(clock) {}

  struct Wanted {
    std::string price;                     ///< empty: the price that runs
    std::optional<std::int64_t> quantity;  ///< nothing: as many as now
    std::string proration = "now";
  };
  struct Side {
    std::string plan, price, interval, per;
    std::int64_t quantity = 1;
    std::optional<Money> amount;  ///< per interval by the catalog; nothing when it is not there any more
  };
  struct Done {
    std::string subscription, instance, status;
    Side before, after;
    bool changed = false;           ///< false: it was so already, and nobody was asked
    std::optional<Money> prorated;  ///< about: what the rest of this period costs more, or less
    std::int64_t seats_paid = 0, seats_used = 0;
  };
  /// `forbidden`, `subscription_required`, `validation_failed` (quantity out of the plan's limits, price not
  /// sold through the subscription's provider, unknown proration), `conflict` (paused, or moving to another
  /// provider), or what the provider answers.
  Result<Done> change(const Buyer& buyer, const Wanted& wanted, const plugin::CallContext& context);

 private:
  struct Plan {
    SubscriptionRow row;
    config::PlanCatalog::PriceRef to;
    std::int64_t quantity = 1;
  };
  Result<Plan> plan(db::Tx& tx, const Buyer& buyer, const Wanted& wanted,
                    const config::PlanCatalog& catalog);
  Result<SubscriptionSnapshot> ask(const Plan& plan, const Wanted& wanted,
                                   plugin::BillingProvider& provider, plugin::CallContext call);
  Status settle(const Buyer& buyer, const Plan& plan, const Wanted& wanted,
                const SubscriptionSnapshot& snapshot, Timestamp asked_at, std::int64_t doubts);
  Result<Done> result(const Buyer& buyer, const Plan& plan, const SubscriptionRow& before,
                      const config::PlanCatalog& catalog);

  db::Db& db_;
  Repository& repository_;
  MoveRepository& moves_;
  Snapshots& snapshots_;
  identity::Directory& directory_;
  licensing::Licenses& licenses_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
};

}  // namespace ccp::billing
