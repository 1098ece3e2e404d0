// Properties of the pure state: whatever order events come in, twice or never, one answer at the end makes
// it the truth; and a state without doubts is never older than what it was told.
#include <doctest/doctest.h>

#include "core/billing/subscription_state.hpp"
#include "tests/support/billing_life.hpp"

using namespace ccp;
using namespace ccp::billing;
using namespace ccp::test;

namespace {

constexpr int kLives = 2000;
const Timestamp kStart = fromUnixSeconds(1'800'000'000);

config::PlanCatalog catalog() {
  config::Price solo{"solo-month", "org",       "month", 2900,
                     "USD",        "minimized", 0,       {{"pay", {"prod_solo", ""}}}};
  config::Price team{"team-month", "seat",      "month", 1900,
                     "USD",        "minimized", 0,       {{"pay", {"prod_team", ""}}}};
  config::PlanCatalog out;
  out.plans = {config::Plan{"solo", "Solo", {}, {{"seats", 1}}, {solo}},
               config::Plan{"team", "Team", {}, {{"seats", 50}}, {team}}};
  return out;
}

struct Told {
  SubscriptionState state;
  /// Latest time that a snapshot or an answer spoke of.
  Timestamp latest{};
};

/// What a step of the schedule does: an event arrives, or the provider is asked and answers late.
struct Step {
  Timestamp at{};
  std::optional<std::size_t> told;
  Duration answer_takes{};
};

std::vector<Step> scheduleOf(Chance& chance, const Life& life) {
  std::vector<Step> out;
  for (const auto& arrival : disorder(chance, life)) out.push_back({arrival.at, arrival.told, {}});
  const auto questions = chance.below(4);
  const auto span = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(life.end - kStart).count());
  for (std::uint64_t i = 0; i < questions; ++i) {
    out.push_back({kStart + seconds(static_cast<std::int64_t>(chance.below(span + 1))), std::nullopt,
                   milliseconds(static_cast<std::int64_t>(chance.below(8000)))});
  }
  std::stable_sort(out.begin(), out.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
  return out;
}

class Play {
 public:
  Play(const Life& life, const Terms& terms) : life_(life), terms_(terms) {}

  void step(const Step& s) {
    arriveBefore(s.at);
    if (s.told) {
      const auto& told = life_.told[*s.told];
      const auto& event = told.event;
      if (markOf(event) != MarkKind::none) {
        applyMark(state, event, *event.occurred_at, s.at);
      } else if (event.subscription) {
        applySnapshot(state, *event.subscription, Provenance::webhook(event.occurred_at), 0, terms_,
                      s.at);
      } else if (actionFor(event) == EventAction::refetch_if_idle && !isRunning(state.status())) {
        applyDoubt(state, s.at);
      }
      return;
    }
    pending_.push_back({s.at, s.at + s.answer_takes, state.dirty, life_.answer(s.at)});
  }
  void answerNow(Timestamp at) {
    arriveBefore(at + hours(1));
    const auto truth = life_.answer(at);
    applySnapshot(state, *truth, Provenance::answer(at), state.dirty, terms_, at);
  }
  void repairMarks(Timestamp at) {
    for (const auto& told : life_.told) {
      if (markOf(told.event) != MarkKind::none) applyMark(state, told.event, *told.event.occurred_at, at);
    }
  }

  SubscriptionState state;

 private:
  struct Pending {
    Timestamp asked_at, arrives_at;
    std::int64_t doubts = 0;
    std::optional<SubscriptionSnapshot> answer;
  };
  void arriveBefore(Timestamp at) {
    for (auto it = pending_.begin(); it != pending_.end();) {
      if (it->arrives_at > at || !it->answer) {
        it = it->answer ? it + 1 : pending_.erase(it);
        continue;
      }
      applySnapshot(state, *it->answer, Provenance::answer(it->asked_at), it->doubts, terms_,
                    it->arrives_at);
      it = pending_.erase(it);
    }
  }
  const Life& life_;
  const Terms& terms_;
  std::vector<Pending> pending_;
};

}  // namespace

TEST_CASE("shuffled, doubled and lost events and one answer end in the truth") {
  const auto plans = catalog();
  const Terms terms{plans, "pay"};
  for (int seed = 0; seed < kLives; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed));
    const Life life = randomLife(chance, kStart, "x", "c1", "prod_solo", "prod_team");
    const auto schedule = scheduleOf(chance, life);
    Play play(life, terms);
    for (const auto& step : schedule) play.step(step);
    const Timestamp end = life.end + hours(2);
    play.repairMarks(end);
    play.answerNow(end);
    const auto truth = *life.answer(end);
    CAPTURE(seed);
    CAPTURE(life.precise);
    REQUIRE(play.state.dirty == 0);
    REQUIRE(play.state.marks == life.marks);
    REQUIRE(play.state.newest->snapshot.json() == truth.json());
    REQUIRE(play.state.effective->snapshot.json() == truth.json());
    REQUIRE(play.state.grant == *grantOf(plans, "pay", truth));
    // Once more changes nothing: no event that is still on its way may undo it.
    for (const auto& told : life.told) {
      if (told.event.subscription)
        applySnapshot(play.state, *told.event.subscription,
                      Provenance::webhook(told.event.occurred_at), 0, terms, end);
    }
    REQUIRE(play.state.effective->snapshot.json() == truth.json());
  }
}

TEST_CASE("with modified_at a state without doubts is the newest that was told") {
  const auto plans = catalog();
  const Terms terms{plans, "pay"};
  int clean = 0;
  for (int seed = 0; seed < kLives; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 1'000'000);
    const Life life = randomLife(chance, kStart, "x", "c1", "prod_solo", "prod_team");
    if (!life.precise) continue;
    SubscriptionState state;
    std::optional<SubscriptionSnapshot> newest;
    for (const auto& arrival : disorder(chance, life)) {
      const auto& event = life.told[arrival.told].event;
      if (!event.subscription) continue;
      applySnapshot(state, *event.subscription, Provenance::webhook(event.occurred_at), 0, terms,
                    arrival.at);
      if (!newest || *event.subscription->modified_at > *newest->modified_at)
        newest = *event.subscription;
      CAPTURE(seed);
      if (state.dirty != 0) break;
      ++clean;
      REQUIRE(state.newest->snapshot.json() == newest->json());
    }
  }
  CHECK(clean > 500);
}

TEST_CASE("without modified_at a state without doubts is at most five seconds behind what was told") {
  const auto plans = catalog();
  const Terms terms{plans, "pay"};
  int clean = 0;
  for (int seed = 0; seed < kLives; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 2'000'000);
    const Life life = randomLife(chance, kStart, "x", "c1", "prod_solo", "prod_team");
    if (life.precise) continue;
    SubscriptionState state;
    std::optional<Timestamp> latest;
    for (const auto& arrival : disorder(chance, life)) {
      const auto& event = life.told[arrival.told].event;
      if (!event.subscription) continue;
      applySnapshot(state, *event.subscription, Provenance::webhook(event.occurred_at), 0, terms,
                    arrival.at);
      if (!latest || *event.occurred_at > *latest) latest = event.occurred_at;
      CAPTURE(seed);
      if (state.dirty != 0) break;
      ++clean;
      REQUIRE(state.newest->order_at == *latest);
    }
  }
  CHECK(clean > 500);
}

TEST_CASE("doubts go away by answers only") {
  const auto plans = catalog();
  const Terms terms{plans, "pay"};
  for (int seed = 0; seed < kLives / 4; ++seed) {
    Chance chance(static_cast<std::uint64_t>(seed) + 3'000'000);
    const Life life = randomLife(chance, kStart, "x", "c1", "prod_solo", "prod_team");
    SubscriptionState state;
    std::int64_t doubts = 0;
    for (const auto& arrival : disorder(chance, life)) {
      const auto& event = life.told[arrival.told].event;
      if (markOf(event) != MarkKind::none)
        applyMark(state, event, *event.occurred_at, arrival.at);
      else if (event.subscription)
        applySnapshot(state, *event.subscription, Provenance::webhook(event.occurred_at), 0, terms,
                      arrival.at);
      CAPTURE(seed);
      REQUIRE(state.dirty >= doubts);
      doubts = state.dirty;
    }
  }
}
