// When a process that ended is started again.
#include <doctest/doctest.h>

#include "core/plugin/restart_policy.hpp"

using namespace ccp;
using namespace ccp::plugin;
using Breaker = RestartPolicy::Breaker;

namespace {

const RestartPolicy::Instant kStart{std::chrono::hours(1)};

RestartPolicy policy(double jitter = 0.5) { return {RestartSettings{}, [jitter] { return jitter; }}; }

}  // namespace

TEST_CASE("each crash within the window doubles the delay, from a tenth of a second") {
  auto p = policy();
  auto now = kStart;
  for (const auto expected : {milliseconds(100), milliseconds(200), milliseconds(400), milliseconds(800)}) {
    CHECK((p.crashed(now) - now == expected));
    CHECK((p.breaker() == Breaker::closed));
    now += seconds(1);
    p.restarted(now);
  }
  // Crashes that are long ago do not count.
  now += minutes(6);
  CHECK((p.crashed(now) - now == milliseconds(100)));
}

TEST_CASE("the delay has a largest value, and jitter of a quarter") {
  RestartSettings many;
  many.crashes = 100;
  RestartPolicy p(many, [] { return 0.5; });
  Duration last{};
  for (int i = 0; i < 20; ++i) last = std::chrono::duration_cast<Duration>(p.crashed(kStart) - kStart);
  CHECK((last == seconds(30)));
  auto early = policy(0), late = policy(1);
  CHECK((early.crashed(kStart) - kStart == milliseconds(75)));
  CHECK((late.crashed(kStart) - kStart == milliseconds(125)));
}

TEST_CASE("five crashes in five minutes open the breaker; one attempt follows, and decides") {
  auto p = policy();
  auto now = kStart;
  for (int i = 0; i < 4; ++i) p.crashed(now += seconds(10));
  CHECK((p.breaker() == Breaker::closed));
  const auto next = p.crashed(now += seconds(10));
  CHECK((p.breaker() == Breaker::open));
  CHECK((next - now == seconds(60)));
  CHECK(p.crashes() == 5);
  now = next;
  p.restarted(now);
  CHECK((p.breaker() == Breaker::half_open));
  SUBCASE("it ends again: the breaker opens again at once") {
    const auto again = p.crashed(now + seconds(1));
    CHECK((p.breaker() == Breaker::open));
    CHECK((again - now == seconds(61)));
  }
  SUBCASE("it lives: the breaker closes, and the past is forgotten") {
    p.alive(now + seconds(59));
    CHECK((p.breaker() == Breaker::half_open));
    p.alive(now + seconds(60));
    CHECK((p.breaker() == Breaker::closed));
    CHECK((p.crashed(now + seconds(61)) - (now + seconds(61)) == milliseconds(100)));
  }
}
