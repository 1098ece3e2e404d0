#include <atomic>

#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

TEST_CASE("an organization is loaded once, when it is first asked about") {
  World w;
  std::atomic<int> calls{0}, at_once{0}, most{0};
  w.runtime.onLoad([&](const std::string& org) -> Result<std::optional<VerifiedSet>> {
    ++calls;
    const int now = ++at_once;
    if (now > most) most = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --at_once;
    if (org == "org_1") return modelSet("org_1", 1, kDenyAll);
    return std::optional<VerifiedSet>();
  });
  std::vector<std::thread> threads;
  std::atomic<int> allowed{0};
  for (int i = 0; i < 16; ++i) threads.emplace_back([&] { allowed += w.ask("claude-sonnet-4-5", "org_1").allow; });
  for (auto& thread : threads) thread.join();
  CHECK(allowed == 0);
  CHECK(calls == 1);
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
  CHECK(calls == 2);  // "has none" is remembered
  w.clock.advance(seconds(61));
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
  CHECK(calls == 3);
  w.ask("claude-sonnet-4-5", "org_1");
  CHECK(calls == 3);  // a set that runs is not asked for again
  w.runtime.forget("org_1");
  w.ask("claude-sonnet-4-5", "org_1");
  CHECK(calls == 4);
  // Commercial points and questions without organization load nobody.
  w.runtime.decide({Point::feature_gate, "org_9", {}, Json::object()});
  w.ask();
  CHECK(calls == 4);
  threads.clear();
  for (int i = 0; i < 24; ++i) threads.emplace_back([&, i] { w.ask("claude-sonnet-4-5", "org_many_" + std::to_string(i)); });
  for (auto& thread : threads) thread.join();
  CHECK(most <= 8);
}

TEST_CASE("packs that cannot be loaded may have narrowed: closed, and tried again") {
  World w;
  std::atomic<int> calls{0};
  std::atomic<bool> broken{true};
  w.runtime.onLoad([&](const std::string&) -> Result<std::optional<VerifiedSet>> {
    if (++calls == 2) throw std::runtime_error("the loader threw");
    if (broken) return fail(Errc::unreachable, "The database is away.");
    return modelSet("org_1", 1, kAllowAll);
  });
  const auto ask = [&] { return w.ask("claude-sonnet-4-5", "org_1"); };
  CHECK(ask().reason == "policy_fault:not_loaded");
  CHECK((ask().verdict == Verdict::error));
  CHECK(calls == 1);
  w.clock.advance(seconds(2));
  CHECK_FALSE(ask().allow);
  CHECK(calls == 2);
  w.clock.advance(seconds(2));
  broken = false;
  CHECK(ask().allow);
}

TEST_CASE("a first set that is refused closes what it might have narrowed; where nothing was, nothing changes") {
  World w;
  w.runtime.onLoad([&](const std::string& org) -> Result<std::optional<VerifiedSet>> {
    if (org == "org_1") return modelSet("org_1", 1, "broken(");
    return std::optional<VerifiedSet>();
  });
  CHECK(w.ask("claude-sonnet-4-5", "org_1").reason == "policy_fault:not_loaded");
  const auto status = w.runtime.status("org_1");
  REQUIRE(status);
  CHECK((status->last_refusal->stage == Stage::compiled));
  w.offer(modelSet("org_1", 2, kAllowAll));
  CHECK(w.ask("claude-sonnet-4-5", "org_1").allow);

  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
  w.refused(modelSet("org_2", 1, "broken("));
  CHECK(w.ask("claude-sonnet-4-5", "org_2").allow);
}

TEST_CASE("organizations that nobody asks about are forgotten") {
  World w({.max_orgs = 64});
  std::atomic<int> calls{0};
  w.runtime.onLoad([&](const std::string& org) -> Result<std::optional<VerifiedSet>> {
    ++calls;
    if (org.back() == '7') return modelSet(org, 1, kAllowAll);
    return std::optional<VerifiedSet>();
  });
  for (int i = 0; i < 1000; ++i) {
    w.clock.advance(Duration(10));
    w.ask("claude-sonnet-4-5", "org_" + std::to_string(i));
  }
  CHECK(calls == 1000);
  CHECK(w.runtime.status().size() < 97);
  CHECK(eventually([&] { return w.gauge("ccp_policy_generations") < 97; }));
}

TEST_CASE("status lists what runs, the operator's set first") {
  World w;
  w.offer(modelSet("org_2", 1, kAllowAll));
  w.offer(modelSet("org_1", 5, kAllowAll));
  w.ask("claude-sonnet-4-5", "org_3");
  const auto all = w.runtime.status();
  REQUIRE(all.size() == 3);
  CHECK(all[0].org == "operator");
  CHECK(all[1].org == "org_1");
  CHECK(all[1].version == 5);
  CHECK(all[2].org == "org_2");
  CHECK_FALSE(w.runtime.status("org_3"));
}
