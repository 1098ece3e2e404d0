#include <atomic>

#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

const std::string kOperator(kOperatorSet);

struct Taken {
  SetStatus bad;
  std::string why;
};
struct Watched : World {
  Watched() {
    runtime.onRollback([this](const SetStatus& bad, const std::string& why) { taken.push_back({bad, why}); });
  }
  std::int64_t version() { return runtime.status(kOperator)->version; }
  void good(int count) {
    for (int i = 0; i < count; ++i) CHECK(ask().allow);
  }
  void boom(int count) {
    for (int i = 0; i < count; ++i) ask("boom");
  }
  std::vector<Taken> taken;
};

}  // namespace

TEST_CASE("a generation that faults is taken back, said, and not taken again") {
  Watched w;
  w.offer(modelSet("operator", 1, saying("v", 1)));
  const auto bad = modelSet("operator", 2, failing(2));
  w.offer(bad);
  w.good(95);
  w.boom(4);
  CHECK(w.version() == 2);
  w.boom(1);
  CHECK(w.version() == 1);
  CHECK(w.ask("boom").obligations.intOr("v") == 1);
  REQUIRE(w.taken.size() == 1);
  CHECK(w.taken[0].bad.version == 2);
  CHECK(w.taken[0].bad.sha256 == bad.sha256);
  REQUIRE(w.taken[0].bad.packs.size() == 1);
  CHECK(w.taken[0].bad.packs[0].sha256 == bad.packs[0].sha256);
  CHECK(w.taken[0].why == "5 of 100 decisions faulted");
  const auto status = w.runtime.status(kOperator);
  REQUIRE(status->last_refusal);
  CHECK((status->last_refusal->error.code == Errc::policy_rolled_back));
  CHECK(status->rollbacks == 1);
  CHECK_FALSE(status->manual);
  CHECK_FALSE(status->on_trial);
  CHECK(status->generation == 4);
  CHECK(w.gauge("ccp_policy_generation", {{"set", "operator"}}) == 4);
  CHECK(w.metrics.counter("ccp_policy_rollbacks_total", "", {{"set", "operator"}}).value() == 1);

  CHECK((w.refused(bad).error.code == Errc::policy_refused_before));
  const auto again = makeSet("operator", 3, bad.packs);
  const auto refusal = w.refused(again);
  CHECK((refusal.stage == Stage::verified));
  CHECK((refusal.error.code == Errc::policy_refused_before));
  w.offer(modelSet("operator", 4, saying("v", 4)));
  w.boom(10);
  CHECK(w.version() == 4);
}

TEST_CASE("one fault in a hundred is no reason, and after the trial none is") {
  Watched w;
  w.offer(modelSet("operator", 1, saying("v", 1)));
  w.offer(modelSet("operator", 2, failing(2)));
  for (int i = 0; i < 6; ++i) {
    w.good(120);
    w.boom(1);
  }
  CHECK(w.version() == 2);
  CHECK(w.runtime.status(kOperator)->on_trial);
  w.clock.advance(seconds(61));
  w.good(1000 - 6 * 121 - 2);
  CHECK(w.runtime.status(kOperator)->on_trial);  // 60 s, but not 1000 decisions
  w.good(1);
  CHECK(w.runtime.status(kOperator)->on_trial);
  w.good(1);
  CHECK_FALSE(w.runtime.status(kOperator)->on_trial);
  CHECK(eventually([&] { return w.gauge("ccp_policy_generations") == 1; }));  // the way back is freed
  w.boom(200);
  CHECK(w.version() == 2);
  CHECK(w.taken.empty());
}

TEST_CASE("a trial lasts its 60 seconds when decisions come quickly") {
  Watched w;
  w.offer(modelSet("operator", 1, saying("v", 1)));
  w.offer(modelSet("operator", 2, failing(2)));
  w.good(1500);
  CHECK(w.runtime.status(kOperator)->on_trial);
  w.clock.advance(seconds(30));
  w.boom(20);
  CHECK(w.version() == 1);
}

TEST_CASE("a generation that is three times slower is taken back") {
  Watched w;
  w.offer(modelSet("operator", 1, saying("v", 1)));
  w.good(3000);  // a few that a busy machine held up are no percentile of so many
  w.offer(modelSet("operator", 2, "function decide(input) local n = 0 for i = 1, 40000 do n = n + i end return { allow = true } end"));
  for (int i = 0; i < 300 && w.version() == 2; ++i) w.ask();
  CHECK(w.version() == 1);
  REQUIRE(w.taken.size() == 1);
  CHECK(w.taken[0].why.find("99 of 100 decisions now take up to") == 0);
}

TEST_CASE("back and forth ends: one a second, and after three it is for a person") {
  Watched w;
  w.offer(modelSet("operator", 1, saying("v", 1)));
  w.offer(modelSet("operator", 2, failing(2)));
  w.boom(5);
  CHECK(w.version() == 1);
  w.offer(modelSet("operator", 3, failing(3)));
  w.boom(20);
  CHECK(w.version() == 3);  // too early
  w.clock.advance(seconds(1));
  w.boom(1);
  CHECK(w.version() == 1);
  w.clock.advance(seconds(2));
  w.offer(modelSet("operator", 4, failing(4)));
  w.boom(5);
  CHECK(w.version() == 1);
  CHECK(w.runtime.status(kOperator)->rollbacks == 3);
  w.clock.advance(seconds(2));
  w.offer(modelSet("operator", 5, failing(5)));
  w.boom(20);
  CHECK(w.version() == 5);
  CHECK(w.runtime.status(kOperator)->manual);
  CHECK(w.taken.size() == 3);
  // A generation that stands its trial makes it automatic again.
  w.offer(modelSet("operator", 6, saying("v", 6)));
  w.clock.advance(seconds(61));
  w.good(1000);
  CHECK_FALSE(w.runtime.status(kOperator)->manual);
  CHECK(w.runtime.status(kOperator)->rollbacks == 0);
}

TEST_CASE("only the packs to blame are bad; packs that were there before are not blamed") {
  Watched w;
  const auto old = makePack("operator", "old", 1, {{Point::model_use, failing(0)}});
  w.offer(makeSet("operator", 1, {old}));
  const auto fine = makePack("operator", "fine", 2, {{Point::model_use, kAllowAll}});
  const auto broken = makePack("operator", "broken", 2, {{Point::model_use, failing(2)}});
  w.offer(makeSet("operator", 2, {fine, broken}));
  w.boom(5);
  CHECK(w.version() == 1);
  REQUIRE(w.taken.size() == 1);
  REQUIRE(w.taken[0].bad.packs.size() == 1);
  CHECK(w.taken[0].bad.packs[0].document.name == "broken");
  w.offer(makeSet("operator", 3, {fine, old}));
  w.boom(20);
  CHECK(w.version() == 3);  // the fault is the old pack's: going back would not help
}

TEST_CASE("an organization's set is taken back for itself; its first one stays") {
  Watched w;
  w.offer(modelSet("operator", 1, kAllowAll));
  w.offer(modelSet("org_1", 1, failing(1)));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(w.ask("boom", "org_1").allow);
  CHECK(w.runtime.status("org_1")->version == 1);  // no packs would be wider, not safer
  w.offer(modelSet("org_1", 2, kAllowAll));
  w.offer(modelSet("org_1", 3, failing(3)));
  for (int i = 0; i < 5; ++i) w.ask("boom", "org_1");
  CHECK(w.runtime.status("org_1")->version == 2);
  CHECK(w.version() == 1);
  CHECK(w.taken.size() == 1);
}

TEST_CASE("many threads that see the same bad start take it back once") {
  Watched w;
  log::setLevel(log::Level::error);
  w.offer(modelSet("operator", 1, saying("v", 1)));
  w.offer(modelSet("operator", 2, failing(2)));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { for (int n = 0; n < 50; ++n) w.ask("boom"); });
  for (auto& thread : threads) thread.join();
  CHECK(w.version() == 1);
  CHECK(w.taken.size() == 1);
  log::setLevel(log::Level::info);
}
