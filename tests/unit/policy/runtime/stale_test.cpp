#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

VerifiedSet bothClasses(const std::string& org, Channel channel) {
  auto pack = makePack(org, "mixed", 1, {{Point::model_use, kAllowAll}, {Point::redact, kAllowAll}});
  pack.document.classes[Point::redact] = PointClass::advisory;
  return makeSet(org, 1, {pack}, channel);
}
Json redactInput() {
  // The shortest that fits is not the matter here: what is stale is not asked, whatever the input.
  return Json::object();
}

}  // namespace

TEST_CASE("documents that ran out are used for their grace, then denied or allowed by class") {
  for (const auto channel : {Channel::prod, Channel::dev}) {
    const Duration grace = channel == Channel::prod ? hours(72) : hours(24 * 7);
    World w({.channel = channel, .stale_grace = hours(72)});
    const auto set = bothClasses("operator", channel);
    w.offer(set);
    CHECK_FALSE(w.ask().stale);

    w.clock.advance(set.expires_at - kPolicyTime);
    auto d = w.ask();
    CHECK(d.allow);
    CHECK(d.stale);
    CHECK((d.verdict == Verdict::allow));
    CHECK(w.sink.last().decision.stale);
    CHECK(w.runtime.status(std::string(kOperatorSet))->stale);
    CHECK(w.gauge("ccp_policy_stale") == 1);

    w.clock.advance(grace - seconds(1));
    CHECK(w.ask().allow);
    w.clock.advance(seconds(1));
    d = w.ask();
    CHECK_FALSE(d.allow);
    CHECK((d.verdict == Verdict::stale));
    CHECK(d.reason == "policy_stale");
    d = w.runtime.decide({Point::redact, {}, {}, redactInput()});
    CHECK(d.allow);
    CHECK(d.stale);
    CHECK((d.verdict == Verdict::stale));
    CHECK(w.sink.last().decision.stale);
    // Points that the shipped policies answer have no documents that could run out.
    CHECK((w.runtime.decide({Point::feature_gate, {}, {}, Json::object()}).verdict != Verdict::stale));

    // Fresh documents of the same packs end it.
    auto fresh = set;
    fresh.version = 2;
    fresh.sha256 = sha256Hex("fresh");
    fresh.expires_at = w.clock.now() + hours(24);
    w.offer(fresh);
    CHECK(w.ask().allow);
    CHECK_FALSE(w.sink.last().decision.stale);
    CHECK(w.gauge("ccp_policy_stale") == 0);
  }
}

TEST_CASE("an organization's set that ran out denies only there") {
  World w({.channel = Channel::prod, .stale_grace = hours(1)});
  auto set = modelSet("org_1", 1, kAllowAll, Channel::prod);
  set.expires_at = kPolicyTime + seconds(10);
  w.offer(set);
  w.clock.advance(hours(2));
  CHECK(w.ask("claude-sonnet-4-5", "org_1").reason == "policy_stale");
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
}

TEST_CASE("a pack that ran out before its channel document counts") {
  World w({.channel = Channel::prod, .stale_grace = hours(1)});
  auto pack = makePack("operator", "short", 1, {{Point::model_use, kAllowAll}});
  pack.document.expires_at = kPolicyTime + hours(1);
  w.offer(makeSet("operator", 1, {pack}, Channel::prod));
  w.clock.advance(hours(1));
  CHECK(w.ask().stale);
  w.clock.advance(hours(1));
  CHECK(w.ask().reason == "policy_stale");
}

TEST_CASE("a clock that is set back makes nothing fresh again") {
  /// Wall time can be set; what has passed cannot.
  struct TwoClocks final : Clock {
    Timestamp now() const override { return wall; }
    std::uint64_t monotonicNs() const override { return static_cast<std::uint64_t>(passed.count()) * 1000; }
    Timestamp wall = kPolicyTime;
    Duration passed = hours(1);
  } clock;
  SystemRandom random;
  Metrics metrics;
  MemorySink sink;
  Engine engine;
  Runtime runtime({engine, clock, random, metrics, sink}, {.channel = Channel::prod, .stale_grace = hours(1)});
  REQUIRE(runtime.offer(modelSet("operator", 1, kAllowAll, Channel::prod)));
  const auto ask = [&] { return runtime.decide({Point::model_use, {}, {}, modelInput()}); };
  CHECK_FALSE(ask().stale);
  clock.wall -= hours(24 * 365);
  CHECK_FALSE(ask().stale);
  clock.passed += hours(24);
  CHECK(ask().stale);
  clock.passed += hours(1);
  CHECK(ask().reason == "policy_stale");
}
