// Lives of subscriptions for property tests: what a provider did by chance, what it told of it, and what it
// would answer at any moment. With modified_at (Polar's way) or with nothing but the seconds of events
// (Stripe's way).
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/billing/subscription_state.hpp"

namespace ccp::test {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  bool oneIn(std::uint64_t n) { return below(n) == 0; }
  template <class T>
  void shuffle(std::vector<T>& items) {
    std::shuffle(items.begin(), items.end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

struct Life {
  struct Told {
    plugin::BillingEvent event;
    Timestamp at{};
  };
  std::string customer, subscription;
  bool precise = false;  ///< snapshots have modified_at
  std::vector<Told> told;
  std::vector<std::pair<Timestamp, plugin::SubscriptionSnapshot>> truth;  ///< each from its time on
  billing::Marks marks;
  Timestamp end{};

  /// What the provider answers at `at`; nothing before the subscription exists.
  std::optional<plugin::SubscriptionSnapshot> answer(Timestamp at) const {
    std::optional<plugin::SubscriptionSnapshot> out;
    for (const auto& [from, snapshot] : truth) {
      if (from <= at) out = snapshot;
    }
    return out;
  }
};

/// `solo` (per org) and `team` (per seat) are products that the catalog knows.
inline Life randomLife(Chance& chance, Timestamp start, const std::string& name,
                       const std::string& customer, const std::string& solo,
                       const std::string& team) {
  using Status = plugin::SubscriptionStatus;
  using Kind = plugin::BillingEventKind;
  Life life;
  life.customer = customer;
  life.subscription = "s_" + name;
  life.precise = chance.oneIn(2);
  plugin::SubscriptionSnapshot now;
  now.id = life.subscription;
  now.customer_id = customer;
  now.product_id = chance.oneIn(2) ? solo : team;
  now.currency = "USD";
  now.period_start_at = start;
  now.period_end_at = start + hours(24 * 30);
  Timestamp at = start + Duration(static_cast<std::int64_t>(chance.below(1'000'000)));
  int number = 0;
  const auto tell = [&](Kind kind, const char* type) -> plugin::BillingEvent& {
    plugin::BillingEvent event;
    event.event_id = name + "_" + std::to_string(++number);
    event.type = type;
    event.kind = kind;
    event.customer_id = customer;
    event.subscription_id = life.subscription;
    event.occurred_at = fromUnixSeconds(toUnixSeconds(at));  // whole seconds
    life.told.push_back({std::move(event), at});
    return life.told.back().event;
  };
  const auto changed = [&] {
    if (life.precise) now.modified_at = at;
    if (!life.truth.empty() && life.truth.back().first == at) life.truth.pop_back();
    life.truth.emplace_back(at, now);
    auto& event = tell(Kind::subscription, "subscription.updated");
    event.subscription = now;
    // Stripe's way: an event of the subscription does not say since when it is past due.
    if (!life.precise) event.subscription->past_due_at.reset();
  };
  const auto mark = [&](Kind kind, const char* outcome) {
    auto& event = tell(kind, "mark");
    event.outcome = outcome;
    billing::addMark(life.marks, billing::markOf(event), *event.occurred_at);
  };
  now.status = Status::incomplete;
  changed();
  const auto steps = 3 + chance.below(8);
  for (std::uint64_t i = 0; i < steps; ++i) {
    switch (chance.below(4)) {
      case 0: at += Duration(static_cast<std::int64_t>(1 + chance.below(900'000))); break;
      case 1: at += seconds(static_cast<std::int64_t>(1 + chance.below(8))); break;
      default: at += minutes(static_cast<std::int64_t>(10 + chance.below(60 * 24 * 3)));
    }
    switch (chance.below(12)) {
      case 0:
      case 1:
        now.status = chance.oneIn(4) ? Status::trialing : Status::active;
        now.past_due_at.reset();
        changed();
        tell(Kind::payment, "payment.succeeded");
        break;
      case 2:
        if (now.status != Status::past_due) now.past_due_at = at;
        now.status = Status::past_due;
        changed();
        break;
      case 3:
        now.quantity = 1 + static_cast<std::int64_t>(chance.below(20));
        changed();
        break;
      case 4:
        now.product_id = now.product_id == solo ? team : solo;
        changed();
        break;
      case 5:
        now.cancel_at_period_end = !now.cancel_at_period_end;
        changed();
        break;
      case 6:
        now.status = Status::paused;
        now.past_due_at.reset();
        changed();
        break;
      case 7:
        now.period_start_at = at;
        now.period_end_at = at + hours(24 * 30);
        now.past_due_at.reset();
        now.status = Status::active;
        changed();
        break;
      case 8: mark(Kind::refund, chance.oneIn(2) ? "full" : "partial"); break;
      case 9: mark(Kind::dispute, chance.oneIn(3) ? "lost" : chance.oneIn(2) ? "won" : "opened"); break;
      case 10: tell(Kind::customer, "customer.updated"); break;
      case 11:
        if (i + 1 < steps) break;
        now.status = Status::canceled;
        changed();
        break;
    }
  }
  life.end = at + seconds(30);
  return life;
}

/// When each event of a life arrives: late, in any order, twice or never.
struct Arrival {
  std::size_t told = 0;
  Timestamp at{};
};
inline std::vector<Arrival> disorder(Chance& chance, const Life& life) {
  std::vector<Arrival> out;
  const bool all_late = chance.oneIn(3);
  for (std::size_t i = 0; i < life.told.size(); ++i) {
    const auto times = chance.oneIn(5) ? 0 : chance.oneIn(4) ? 2 : 1;
    for (int n = 0; n < times; ++n) {
      const auto left = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(life.end - life.told[i].at).count());
      const auto delay = all_late          ? Duration(milliseconds(left))
                         : chance.oneIn(2) ? Duration(milliseconds(200))
                                           : Duration(milliseconds(chance.below(left + 1)));
      out.push_back({i, life.told[i].at + delay});
    }
  }
  chance.shuffle(out);
  std::stable_sort(out.begin(), out.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return out;
}

}  // namespace ccp::test
