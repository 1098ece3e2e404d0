// License state as a pure function of values and `now` (product.md, License state). No I/O here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::licensing {

enum class LicenseState { pending, trial, active, grace, suspended, revoked, expired };
const char* toString(LicenseState state) noexcept;
LicenseState licenseStateFrom(std::string_view text) noexcept;

/// One subscription as licensing sees it: billing makes it from the newest snapshot.
struct SubscriptionFact {
  std::string id;            ///< sub_…
  std::string status;        ///< snapshot status in snake_case (trialing, active, past_due, …)
  std::string plan;          ///< plan id of the catalog; empty when the product is unknown
  std::string privacy = "minimized";
  std::int64_t seats = 1;
  std::optional<Timestamp> past_due_at, trial_end_at, period_end_at, ends_at;
  bool cancel_at_period_end = false;
  /// "": none; "refunded" (full refund), "dispute_lost", "dispute_open" (billing.on_dispute: suspend).
  std::string blocked;
  Json json() const;
  static SubscriptionFact from(const Json& json);
};

/// An operator's word over billing's.
enum class AdminOverride { none, suspended, revoked };

/// A license without billing, until `ends_at`.
struct ManualTerm {
  std::string plan;
  std::int64_t seats = 1;
  std::optional<Timestamp> ends_at;
};

struct Decision {
  LicenseState state = LicenseState::pending;
  std::string plan;             ///< plan in force: the best subscription's, or the fallback
  std::string privacy = "local_only";
  std::int64_t seats = 1;
  std::string reason;           ///< code for a friendly text: "past_due", "paused", "canceled", …
  std::optional<Timestamp> ends_at;         ///< when it is known to end
  std::optional<Timestamp> next_change_at;  ///< when time alone changes the state
  std::string subscription;     ///< the one that decided; empty for none
};

struct Policy {
  int grace_days = 7;
  std::string fallback_plan = "community";  ///< "none" = no pack
};

/// Best subscription by active > trial > grace > suspended > pending > revoked > expired; the admin's
/// word wins over all.
Decision decide(AdminOverride admin, const std::vector<SubscriptionFact>& subscriptions,
                const std::optional<ManualTerm>& term, const Policy& policy, Timestamp now);

/// True when clients must drop what they hold: leaving {trial, active, grace}, or fewer plan or seats.
bool bumpsVersion(const Decision& before, const Decision& after, int plan_rank_before, int plan_rank_after);

}  // namespace ccp::licensing
