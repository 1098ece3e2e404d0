// What a server would make of what a provider says, for one customer: the pure rules of billing and
// licensing without the server. A value, copyable.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/billing/subscription_state.hpp"
#include "sdk/conformance/scenario/story.hpp"

namespace ccp::kit {

class Books {
 public:
  Books(const Story& story, const ProviderCard& card);

  /// What became of an event, in words for the trace. Thin events are the caller's to fetch before.
  std::string take(const plugin::BillingEvent& event, Timestamp received_at);
  /// An event that would be parked: it concerns us and is of another customer. Each once.
  const std::set<std::string>& strangers() const noexcept { return strangers_; }

  /// Subscriptions that must be asked for, with their doubts.
  std::vector<std::pair<std::string, std::int64_t>> doubted() const;
  std::int64_t doubtsOf(const std::string& subscription) const;
  /// A customer event asked for a listing; reading it takes it back.
  bool takeRecheck();
  void answer(const plugin::SubscriptionSnapshot& snapshot, Timestamp asked_at, std::int64_t doubts_seen, Timestamp now);
  void missing(const std::string& subscription, std::int64_t doubts_seen, Timestamp now);
  /// After a whole listing: what runs and was not in it is doubted.
  void listed(const std::set<std::string>& subscriptions, Timestamp now);

  licensing::Decision decide(Timestamp now) const;
  /// Alerts since the last call.
  std::vector<std::string> takeAlerts();
  /// What must be the same whatever came first, twice or never: the license, the facts, the marks.
  Json summary(Timestamp now, bool with_marks) const;

 private:
  billing::Terms terms() const { return {catalog_, "conformance"}; }
  void settle(const billing::StateChange& change, Timestamp now);

  std::string customer_, on_dispute_;
  config::PlanCatalog catalog_;
  licensing::Policy policy_;
  std::map<std::string, billing::SubscriptionState> subscriptions_;
  std::vector<licensing::SubscriptionFact> facts_;
  std::set<std::string> strangers_;
  std::vector<std::string> alerts_;
  bool recheck_ = false;
};

/// "grace (reason \"past_due\"), plan solo, 1 seats, ending …"
std::string textOf(const licensing::Decision& decision);

}  // namespace ccp::kit
