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
  std::int64_t seats = 1;    ///< seats paid for; what the plan allows when the price is per org
  std::optional<Timestamp> past_due_at, trial_end_at, period_end_at, ends_at;
  bool cancel_at_period_end = false;
  /// "": none; "refunded" (full refund), "dispute_lost", "dispute_open" (billing.on_dispute: suspend).
  std::string blocked;
  Json json() const;
  static SubscriptionFact from(const Json& json);
  bool operator==(const SubscriptionFact&) const = default;
};

/// An operator's word over billing's.
enum class AdminOverride { none, suspended, revoked };
const char* toString(AdminOverride value) noexcept;
AdminOverride adminOverrideFrom(std::string_view text) noexcept;

/// A license without billing, until `ends_at`.
struct ManualTerm {
  std::string plan;
  std::int64_t seats = 1;
  std::optional<Timestamp> ends_at;
  bool operator==(const ManualTerm&) const = default;
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
  bool operator==(const Decision&) const = default;
};

/// What the deployer decides; made of the settings and the plan catalog.
struct Policy {
  int grace_days = 7;
  std::string fallback_plan = "community";  ///< "none" = no pack
  std::int64_t fallback_seats = 1;          ///< seats that the fallback plan allows
  std::vector<std::string> plan_order = {};  ///< plan ids, lowest first: the catalog's order
  /// Place of a plan in plan_order, from 1; 0 for a plan that is not there, -1 for "none".
  int rank(std::string_view plan) const noexcept;
};

/// A provider changes `trialing` and a cancelled `active` at the end by itself and tells us a moment
/// later; only when this time has passed without a word do we take the end as come.
inline constexpr Duration kSettleTime = hours(1);
inline constexpr std::string_view kNoPlan = "none";

/// {trial, active, grace}: the paid plan is in force.
bool isLive(LicenseState state) noexcept;

/// Newly told facts after the host's rules: a status or product that nobody knows keeps what was known
/// of that subscription (or is left out when nothing was), and `past_due` without its time keeps the
/// time it was first seen. Order of ids is canonical.
std::vector<SubscriptionFact> settleFacts(const std::vector<SubscriptionFact>& known,
                                          const std::vector<SubscriptionFact>& told, Timestamp now);

/// The sentence that a person sees for a decision ("Your payment failed; …"); empty when all is well.
std::string noticeFor(const Decision& decision, std::string_view plan_title);

/// Best subscription by active > trial > grace > suspended > pending > revoked > expired; the admin's
/// word wins over all.
Decision decide(AdminOverride admin, const std::vector<SubscriptionFact>& subscriptions,
                const std::optional<ManualTerm>& term, const Policy& policy, Timestamp now);

/// True when clients must drop what they hold: leaving {trial, active, grace}, or fewer plan or seats.
bool bumpsVersion(const Decision& before, const Decision& after, int plan_rank_before, int plan_rank_after);

}  // namespace ccp::licensing
