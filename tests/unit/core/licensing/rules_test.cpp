#include "core/licensing/rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

using namespace ccp;
using namespace ccp::licensing;

namespace {

const Timestamp kNow = fromUnixSeconds(1'800'000'000);
constexpr Duration kDay = hours(24);
const Policy kPolicy{.grace_days = 7, .fallback_plan = "community", .fallback_seats = 1, .plan_order = {"community", "solo", "team"}};

SubscriptionFact fact(std::string status, std::string id = "sub_1", std::string plan = "solo", std::int64_t seats = 3) {
  SubscriptionFact out;
  out.id = std::move(id);
  out.status = std::move(status);
  out.plan = std::move(plan);
  out.seats = seats;
  return out;
}
Decision decideOne(const SubscriptionFact& f, Timestamp now = kNow) { return decide(AdminOverride::none, {f}, std::nullopt, kPolicy, now); }
int goodness(LicenseState state) {
  const LicenseState order[] = {LicenseState::expired, LicenseState::revoked, LicenseState::pending, LicenseState::suspended,
                                LicenseState::grace,   LicenseState::trial,   LicenseState::active};
  return static_cast<int>(std::find(std::begin(order), std::end(order), state) - std::begin(order));
}

}  // namespace

TEST_CASE("every subscription snapshot leads to its license state") {
  const auto with = [](const char* status, auto change) {
    auto f = fact(status);
    change(f);
    return f;
  };
  struct Row {
    const char* name;
    SubscriptionFact fact;
    LicenseState state;
    const char* reason;
    const char* plan;
    std::optional<Timestamp> ends_at;
    std::optional<Timestamp> next_change_at;
  };
  const auto none = std::optional<Timestamp>();
  const Row rows[] = {
      {"trialing", with("trialing", [](auto& f) { f.trial_end_at = kNow + kDay; }), LicenseState::trial, "trial", "solo", kNow + kDay, kNow + kDay + kSettleTime},
      {"trialing without an end", fact("trialing"), LicenseState::trial, "trial", "solo", none, none},
      {"trial over, provider still silent", with("trialing", [](auto& f) { f.trial_end_at = kNow - minutes(59); }), LicenseState::trial, "trial", "solo", kNow - minutes(59), kNow + minutes(1)},
      {"trial over unpaid", with("trialing", [](auto& f) { f.trial_end_at = kNow - kSettleTime; }), LicenseState::expired, "trial_over", "community", kNow - kSettleTime, none},
      {"active", fact("active"), LicenseState::active, "", "solo", none, none},
      {"active, period over", with("active", [](auto& f) { f.period_end_at = kNow - kDay; }), LicenseState::active, "", "solo", none, none},
      {"active, cancels at period end", with("active", [](auto& f) { f.cancel_at_period_end = true; f.period_end_at = kNow + kDay; }), LicenseState::active, "cancels", "solo", kNow + kDay, kNow + kDay + kSettleTime},
      {"active, ends at a date", with("active", [](auto& f) { f.ends_at = kNow + kDay; }), LicenseState::active, "cancels", "solo", kNow + kDay, kNow + kDay + kSettleTime},
      {"active, cancelled and over", with("active", [](auto& f) { f.ends_at = kNow - kSettleTime; }), LicenseState::revoked, "canceled", "community", kNow - kSettleTime, none},
      {"past due, within grace", with("past_due", [](auto& f) { f.past_due_at = kNow - kDay; }), LicenseState::grace, "past_due", "solo", kNow + 6 * kDay, kNow + 6 * kDay},
      {"past due, last microsecond of grace", with("past_due", [](auto& f) { f.past_due_at = kNow - 7 * kDay + Duration(1); }), LicenseState::grace, "past_due", "solo", kNow + Duration(1), kNow + Duration(1)},
      {"past due, grace over", with("past_due", [](auto& f) { f.past_due_at = kNow - 7 * kDay; }), LicenseState::suspended, "past_due", "community", none, none},
      {"past due at a time not told", fact("past_due"), LicenseState::grace, "past_due", "solo", none, none},
      {"paused", fact("paused"), LicenseState::suspended, "paused", "community", none, none},
      {"incomplete", fact("incomplete"), LicenseState::pending, "incomplete", "community", none, none},
      {"incomplete_expired", fact("incomplete_expired"), LicenseState::expired, "incomplete_expired", "community", none, none},
      {"unpaid", fact("unpaid"), LicenseState::revoked, "unpaid", "community", none, none},
      {"canceled", fact("canceled"), LicenseState::revoked, "canceled", "community", none, none},
      {"full refund", with("active", [](auto& f) { f.blocked = "refunded"; }), LicenseState::revoked, "refunded", "community", none, none},
      {"dispute lost", with("active", [](auto& f) { f.blocked = "dispute_lost"; }), LicenseState::revoked, "dispute_lost", "community", none, none},
      {"dispute open, policy suspend", with("active", [](auto& f) { f.blocked = "dispute_open"; }), LicenseState::suspended, "dispute_open", "community", none, none},
      {"dispute open of a cancelled one", with("canceled", [](auto& f) { f.blocked = "dispute_open"; }), LicenseState::revoked, "canceled", "community", none, none},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto decision = decideOne(row.fact);
    CHECK(std::string(toString(decision.state)) == toString(row.state));
    CHECK(decision.reason == row.reason);
    CHECK(decision.plan == row.plan);
    CHECK((decision.ends_at == row.ends_at));
    CHECK((decision.next_change_at == row.next_change_at));
    CHECK(decision.seats == (isLive(row.state) ? 3 : 1));
    CHECK(decision.privacy == (isLive(row.state) ? "minimized" : "local_only"));
    CHECK(decision.subscription == "sub_1");
  }
}

TEST_CASE("an org without subscriptions is pending on the fallback plan") {
  const auto decision = decide(AdminOverride::none, {}, std::nullopt, kPolicy, kNow);
  CHECK((decision.state == LicenseState::pending));
  CHECK(decision.plan == "community");
  CHECK(decision.reason == "no_subscription");
  Policy none = kPolicy;
  none.fallback_plan = "none";
  CHECK(decide(AdminOverride::none, {}, std::nullopt, none, kNow).plan == "none");
}

TEST_CASE("an admin's word wins over everything, revoked and suspended alike, and takes the fallback too") {
  const std::vector<SubscriptionFact> good{fact("active")};
  const auto suspended = decide(AdminOverride::suspended, good, ManualTerm{"team", 5, {}}, kPolicy, kNow);
  CHECK((suspended.state == LicenseState::suspended));
  CHECK(suspended.plan == "none");
  CHECK(suspended.reason == "admin_suspended");
  CHECK_FALSE(suspended.next_change_at.has_value());
  const auto revoked = decide(AdminOverride::revoked, good, std::nullopt, kPolicy, kNow);
  CHECK((revoked.state == LicenseState::revoked));
  CHECK(revoked.plan == "none");
  CHECK((decide(AdminOverride::none, good, std::nullopt, kPolicy, kNow).state == LicenseState::active));
}

TEST_CASE("a manual term is active until its end, then expired") {
  const auto at = [](std::optional<Timestamp> end) { return decide(AdminOverride::none, {}, ManualTerm{"team", 5, end}, kPolicy, kNow); };
  CHECK((at(std::nullopt).state == LicenseState::active));
  CHECK(at(std::nullopt).plan == "team");
  CHECK(at(std::nullopt).seats == 5);
  CHECK((at(kNow + Duration(1)).state == LicenseState::active));
  CHECK((at(kNow + Duration(1)).next_change_at == kNow + Duration(1)));
  CHECK((at(kNow).state == LicenseState::expired));
  CHECK(at(kNow).reason == "term_over");
}

TEST_CASE("the best of several wins: state first, then plan, then seats") {
  const auto best = [](std::vector<SubscriptionFact> facts, std::optional<ManualTerm> term = std::nullopt) {
    return decide(AdminOverride::none, facts, term, kPolicy, kNow);
  };
  // In the order of product.md: each state beats all that follow it.
  std::vector<SubscriptionFact> ladder{fact("active", "sub_0"), fact("trialing", "sub_1"), fact("past_due", "sub_2"), fact("paused", "sub_3"),
                                       fact("incomplete", "sub_4"), fact("canceled", "sub_5"), fact("incomplete_expired", "sub_6")};
  const LicenseState states[] = {LicenseState::active,  LicenseState::trial,   LicenseState::grace,  LicenseState::suspended,
                                 LicenseState::pending, LicenseState::revoked, LicenseState::expired};
  for (std::size_t i = 0; i < ladder.size(); ++i) {
    CHECK((best({ladder.begin() + static_cast<std::ptrdiff_t>(i), ladder.end()}).state == states[i]));
  }
  CHECK(best({fact("active", "sub_1", "solo"), fact("active", "sub_2", "team")}).plan == "team");
  CHECK(best({fact("active", "sub_1", "solo", 2), fact("active", "sub_2", "solo", 9)}).seats == 9);
  CHECK(best({fact("active", "sub_1", "solo")}, ManualTerm{"team", 5, {}}).plan == "team");
  CHECK(best({fact("canceled")}, ManualTerm{"team", 5, {}}).plan == "team");
}

TEST_CASE("nothing is terminal: paying again leads back to active") {
  for (const auto* status : {"unpaid", "canceled", "incomplete_expired", "paused", "past_due"}) {
    CAPTURE(status);
    CHECK((decide(AdminOverride::none, {fact(status, "sub_1"), fact("active", "sub_2")}, std::nullopt, kPolicy, kNow).state == LicenseState::active));
    CHECK((decideOne(fact("active")).state == LicenseState::active));
  }
}

TEST_CASE("property: order never matters, more never harms, and nothing changes before next_change_at") {
  std::mt19937 engine(20261121);
  const auto pick = [&](int n) { return static_cast<int>(engine() % static_cast<unsigned>(n)); };
  const char* statuses[] = {"trialing", "active", "past_due", "paused", "incomplete", "incomplete_expired", "unpaid", "canceled"};
  const char* plans[] = {"community", "solo", "team", "gone"};
  const char* blocked[] = {"", "", "", "refunded", "dispute_lost", "dispute_open"};
  const auto time = [&]() -> std::optional<Timestamp> {
    if (pick(3) == 0) return std::nullopt;
    return kNow + hours(pick(400) - 200);
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<SubscriptionFact> facts;
    for (int i = pick(5); i >= 0; --i) {
      auto f = fact(statuses[pick(8)], "sub_" + std::to_string(i), plans[pick(4)], pick(4) + 1);
      f.past_due_at = time();
      f.trial_end_at = time();
      f.period_end_at = time();
      f.ends_at = time();
      f.cancel_at_period_end = pick(2) == 0;
      f.blocked = blocked[pick(6)];
      facts.push_back(f);
    }
    std::optional<ManualTerm> term;
    if (pick(4) == 0) term = ManualTerm{plans[pick(4)], pick(4) + 1, time()};
    const auto decision = decide(AdminOverride::none, facts, term, kPolicy, kNow);

    auto shuffled = facts;
    std::shuffle(shuffled.begin(), shuffled.end(), engine);
    REQUIRE((decide(AdminOverride::none, shuffled, term, kPolicy, kNow) == decision));

    auto fewer = facts;
    fewer.pop_back();
    const auto without = decide(AdminOverride::none, fewer, term, kPolicy, kNow);
    if (!fewer.empty() || term) REQUIRE(goodness(without.state) <= goodness(decision.state));

    for (const auto& f : facts) {
      const auto alone = decide(AdminOverride::none, {f}, std::nullopt, kPolicy, kNow);
      REQUIRE(goodness(alone.state) <= goodness(decision.state));
    }
    const Timestamp later = decision.next_change_at ? *decision.next_change_at - Duration(1) : kNow + hours(10'000);
    if (decision.next_change_at) REQUIRE(*decision.next_change_at > kNow);
    const auto then = decide(AdminOverride::none, facts, term, kPolicy, later);
    REQUIRE((then == decision));

    REQUIRE((decide(AdminOverride::revoked, facts, term, kPolicy, kNow).state == LicenseState::revoked));
    REQUIRE((decide(AdminOverride::suspended, facts, term, kPolicy, kNow).state == LicenseState::suspended));
    for (const auto& f : facts) REQUIRE((SubscriptionFact::from(*parseJson(f.json().dump())) == f));
  }
}

TEST_CASE("the version is bumped by going down, never by going up or sideways") {
  struct Row {
    const char* name;
    Decision before, after;
    bool bumps;
  };
  const auto d = [](LicenseState state, std::string plan, std::int64_t seats) {
    Decision out;
    out.state = state;
    out.plan = std::move(plan);
    out.seats = seats;
    return out;
  };
  using S = LicenseState;
  const Row rows[] = {
      {"nothing changes", d(S::active, "solo", 3), d(S::active, "solo", 3), false},
      {"trial to active", d(S::trial, "solo", 3), d(S::active, "solo", 3), false},
      {"active to grace", d(S::active, "solo", 3), d(S::grace, "solo", 3), false},
      {"pending to active", d(S::pending, "community", 1), d(S::active, "solo", 3), false},
      {"suspended to active", d(S::suspended, "community", 1), d(S::active, "solo", 1), false},
      {"plan up", d(S::active, "solo", 3), d(S::active, "team", 3), false},
      {"seats up", d(S::active, "solo", 3), d(S::active, "solo", 4), false},
      {"plan down", d(S::active, "team", 3), d(S::active, "solo", 3), true},
      {"seats down", d(S::active, "solo", 3), d(S::active, "solo", 2), true},
      {"plan up but seats down", d(S::active, "solo", 3), d(S::active, "team", 2), true},
      {"active to suspended", d(S::active, "solo", 1), d(S::suspended, "community", 1), true},
      {"grace to suspended", d(S::grace, "solo", 1), d(S::suspended, "community", 1), true},
      {"trial to expired, same plan", d(S::trial, "community", 1), d(S::expired, "community", 1), true},
      {"active to revoked", d(S::active, "solo", 1), d(S::revoked, "community", 1), true},
      {"pending to admin suspended", d(S::pending, "community", 1), d(S::suspended, "none", 1), true},
      {"suspended to revoked, both on the fallback", d(S::suspended, "community", 1), d(S::revoked, "community", 1), false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(bumpsVersion(row.before, row.after, kPolicy.rank(row.before.plan), kPolicy.rank(row.after.plan)) == row.bumps);
  }
}

TEST_CASE("settled facts keep what was known where the provider says nothing useful") {
  auto known = fact("past_due");
  known.past_due_at = kNow - kDay;
  const auto settle = [&](SubscriptionFact told) { return settleFacts({known}, {std::move(told)}, kNow).at(0); };

  auto unknown_status = fact("unknown");
  CHECK(settle(unknown_status).status == "past_due");
  CHECK((settle(unknown_status).past_due_at == known.past_due_at));
  CHECK(settle(fact("something_new")).status == "past_due");
  CHECK(settle(fact("active", "sub_1", "")).plan == "solo");
  // The time of the first past_due stays, however often it is told without one.
  CHECK((settle(fact("past_due")).past_due_at == known.past_due_at));
  auto told_time = fact("past_due");
  told_time.past_due_at = kNow - 2 * kDay;
  CHECK((settle(told_time).past_due_at == kNow - 2 * kDay));
  // What nobody knows of a new subscription cannot decide anything.
  CHECK(settleFacts({}, {fact("unknown"), fact("active", "sub_2", "")}, kNow).empty());
  CHECK((settleFacts({}, {fact("past_due")}, kNow).at(0).past_due_at == kNow));
  // A subscription that billing no longer names is gone.
  CHECK(settleFacts({known}, {}, kNow).empty());
  CHECK(settleFacts({}, {fact("active", "sub_2"), fact("active", "sub_1")}, kNow).at(0).id == "sub_1");
}

TEST_CASE("every reason but plain activity has its own friendly notice") {
  std::set<std::string> seen;
  const auto notice = [&](LicenseState state, const char* reason, const char* plan = "community") {
    Decision decision;
    decision.state = state;
    decision.reason = reason;
    decision.plan = plan;
    decision.ends_at = fromUnixSeconds(1'764'720'000);  // 3 Dec 2025
    return noticeFor(decision, "Community");
  };
  using S = LicenseState;
  const std::pair<S, const char*> rows[] = {{S::trial, "trial"},          {S::active, "cancels"},         {S::grace, "past_due"},
                                            {S::suspended, "past_due"},   {S::suspended, "paused"},       {S::suspended, "dispute_open"},
                                            {S::pending, "incomplete"},   {S::expired, "incomplete_expired"}, {S::expired, "trial_over"},
                                            {S::revoked, "unpaid"},       {S::revoked, "canceled"},       {S::revoked, "refunded"},
                                            {S::revoked, "dispute_lost"}, {S::expired, "term_over"},      {S::suspended, "admin_suspended"},
                                            {S::revoked, "admin_revoked"}};
  for (const auto& row : rows) {
    CAPTURE(row.second);
    const auto text = notice(row.first, row.second);
    CHECK(text.size() > 20);
    CHECK(seen.insert(text).second);
  }
  CHECK(notice(S::active, "cancels").find("3 Dec 2025") != std::string::npos);
  CHECK(notice(S::grace, "past_due").find("3 Dec 2025") != std::string::npos);
  CHECK(notice(S::active, "").empty());
  CHECK(notice(S::pending, "no_subscription").empty());
  CHECK(notice(S::suspended, "paused", "none").find("Community") == std::string::npos);
}

TEST_CASE("states and overrides have stable names") {
  for (const auto* name : {"pending", "trial", "active", "grace", "suspended", "revoked", "expired"}) {
    CHECK(std::string(toString(licenseStateFrom(name))) == name);
  }
  for (const auto* name : {"none", "suspended", "revoked"}) CHECK(std::string(toString(adminOverrideFrom(name))) == name);
}
