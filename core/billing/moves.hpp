// Moves a paying org to another billing instance at the end of its paid period. Every step can be
// repeated: it asks what stands and does what is missing, so that a crash at any point, a provider
// that is down and a customer who takes weeks are the same thing. Rules: move_rules.
// Threads: thread-safe; advance() from the worker.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/billing/checkouts.hpp"
#include "core/billing/move_repository.hpp"

namespace ccp::billing {

/// What a move would do; nothing is changed by asking.
struct MovePlan {
  Move move;  ///< as it would begin; state planned
  std::string plan;
  std::string source_provider_subscription_id;
  std::int64_t source_amount_minor = 0;
  std::string source_currency;
  std::optional<std::int64_t> target_amount_minor;  ///< a unit, as the new provider sells it
  std::string target_currency;
  std::optional<Timestamp> opens_at;  ///< when the checkout can open, if not now
  std::vector<std::string> warnings;  ///< what differs between the two
};

class Moves {
 public:
  Moves(db::Db& db, Repository& repository, MoveRepository& moves, Checkouts& checkouts,
        Snapshots& snapshots, plugin::BillingProviders& providers,
        const config::LiveSettings& settings, const Clock& clock, Random& random,
        Metrics& metrics);

  /// `not_found`, `validation_failed` (instance, price not sold there), `conflict` (nothing to
  /// move, several subscriptions, a move under way, ends already). Asks both providers.
  Result<MovePlan> plan(const std::string& org, const std::string& to,
                        const plugin::CallContext& context);
  /// Begins and takes the first step; the answer has the address for the customer when it opened.
  Result<Move> begin(const std::string& org, const std::string& to, const std::string& actor,
                     const plugin::CallContext& context);
  /// Before the customer agreed: nothing remains. After: the old subscription goes on and the new
  /// one is ended. `not_found` when nothing is under way.
  Result<Move> cancel(const std::string& org, const std::string& actor,
                      const plugin::CallContext& context);
  Result<std::optional<Move>> newest(const std::string& org);
  Result<std::vector<Move>> list();
  /// Takes the steps that are due; returns how many moves were looked at.
  Result<int> advance(const std::function<bool()>& stop);

 private:
  /// `ask` false: the checkout as it was when the provider was asked last.
  Result<MoveFacts> facts(const Move& move, const plugin::CallContext& context, bool ask = true);
  Result<Move> step(const Move& move, const plugin::CallContext& context);
  Result<Move> openCheckout(const Move& move, Timestamp first_charge_at,
                            const plugin::CallContext& context);
  Result<Move> endSource(const Move& move, const SubscriptionSnapshot& source,
                         const plugin::CallContext& context);
  Result<SubscriptionSnapshot> change(const std::string& org, const std::string& instance,
                                      const plugin::SubscriptionChange& change,
                                      plugin::CallContext context, const std::string& key);
  Result<Move> save(const Move& seen, Move next, const std::string& action);
  plugin::CallContext background(const std::string& org);

  db::Db& db_;
  Repository& repository_;
  MoveRepository& moves_;
  Checkouts& checkouts_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  Metrics& metrics_;
};

/// A move as audit rows, events and operators see it.
Json describe(const Move& move);

}  // namespace ccp::billing
