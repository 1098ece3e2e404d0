// Where a provider and CCP disagree, as sentences with a code and what repairs it. Pure functions of
// values; doctor asks the questions and does the repairs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/billing/subscription_state.hpp"

namespace ccp::billing {

struct Difference {
  std::string code;
  std::string level = "error";  ///< error, warn, or info
  std::string text;             ///< what is the case, and what to do when nothing repairs it
  bool repairable = false;      ///< the provider's word, applied, settles it
  std::string instance = {}, org = {};
  std::string subscription = {};  ///< provider's id
  Json here = {}, there = {};     ///< what each side says, where that helps
};

/// What the provider says of one subscription beside what we hold; `state` empty: we know of none.
std::vector<Difference> compareSubscription(const std::optional<SubscriptionState>& state,
                                            const SubscriptionSnapshot& there, const Terms& terms,
                                            Timestamp asked_at);
/// A subscription that we hold as running and the provider does not know.
Difference goneThere(const SubscriptionState& state, const std::string& provider_subscription_id);
/// A refund or dispute of the provider's list that we have not heard of; nothing when we have.
std::optional<Difference> compareMark(const std::optional<SubscriptionState>& state,
                                      const plugin::BillingEvent& event, Timestamp now);
/// The catalog's prices of one instance beside what the provider sells.
std::vector<Difference> compareCatalog(const config::PlanCatalog& catalog,
                                       const std::string& instance,
                                       const std::vector<plugin::ProviderOffer>& offers);

Json describe(const Difference& difference);

}  // namespace ccp::billing
