// What one subscription is to us, and how a word of its provider changes it: pure functions that the
// server (snapshots) and the conformance kit share, so that a plugin is tried with the rules it will
// meet. No I/O here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/rules.hpp"

namespace ccp::billing {

struct SubscriptionState {
  std::optional<HeldSnapshot> newest;     ///< whatever the provider said last
  std::optional<HeldSnapshot> effective;  ///< newest whose status and product we know
  Grant grant;                            ///< what `effective` grants
  Marks marks;
  std::int64_t dirty = 0;  ///< doubts since the last answer; 0 = clean
  Timestamp refetch_after_at{};
  std::optional<Timestamp> missing_since_at;

  plugin::SubscriptionStatus status() const {
    return effective ? effective->snapshot.status : plugin::SubscriptionStatus::unknown;
  }
};

/// What the deployer says that bears on it.
struct Terms {
  const config::PlanCatalog& plans;
  std::string instance;
};

/// Something that an operator should see: "unknown_status", "unknown_product",
/// "subscription_missing", "mixed_currencies", "refund_full", …
struct Finding {
  std::string code;
  Json detail;
};

struct StateChange {
  Verdict verdict = Verdict::stale;
  bool stored = false;   ///< the state is another one: store it
  bool license = false;  ///< so is what the license follows
  std::vector<Finding> findings;
};

/// A subscription that is not at the provider any more must be missing this long to count as
/// deleted: one wrong answer (another account's token, a replica that lags) must not end a license.
inline constexpr Duration kMissingConfirmed = hours(1);

/// A whole snapshot: applied, or doubted, or left alone, as judge() says. `doubts_seen`: for an
/// answer, `dirty` when we began to ask; newer doubts stay.
StateChange applySnapshot(SubscriptionState& state, const SubscriptionSnapshot& snapshot,
                          const Provenance& from, std::int64_t doubts_seen, const Terms& terms,
                          Timestamp now);
/// A refund or dispute; may come before the first snapshot of its subscription.
StateChange applyMark(SubscriptionState& state, const plugin::BillingEvent& event, Timestamp at,
                      Timestamp now);
/// It has changed in a way that we were not told.
StateChange applyDoubt(SubscriptionState& state, Timestamp now);
/// The provider says that there is no such subscription; `doubts_seen` as above.
StateChange applyMissing(SubscriptionState& state, std::int64_t doubts_seen, Timestamp now);

/// The license's view; nothing while no snapshot that we understand has come.
std::optional<licensing::SubscriptionFact> factOf(const std::string& id,
                                                  const SubscriptionState& state,
                                                  std::string_view on_dispute);

}  // namespace ccp::billing
