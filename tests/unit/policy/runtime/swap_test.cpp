// Swaps under load. CCP_POLICY_SWAPS sets their number: 500 in make test, 10,000 in make check.
#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "tests/unit/policy/runtime/world.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;

namespace {

constexpr std::uint64_t kDecisionsPerSwap = 64;

int swaps() {
  const char* wanted = std::getenv("CCP_POLICY_SWAPS");
  return wanted ? std::max(1, std::atoi(wanted)) : 500;
}

/// Two packs that say the version of their set.
VerifiedSet twins(const std::string& org, std::int64_t version, const std::string& first, const std::string& second) {
  return makeSet(org, version, {makePack(org, "first", version, {{Point::model_use, saying(first, version)}}),
                                makePack(org, "second", version, {{Point::model_use, saying(second, version)}})});
}

/// Which versions may answer: begun is raised before a swap, done after it.
struct Line {
  std::atomic<std::int64_t> begun{0}, done{0};
};

/// Counts what is torn in records: packs and obligations must be of one set.
class CheckingSink final : public DecisionSink {
 public:
  void take(DecisionRecord&& record) noexcept override {
    ++taken;
    std::int64_t a = -1, c = -1;
    for (const auto& pack : record.packs) {
      auto& version = pack.org == "operator" ? a : c;
      if (version >= 0 && version != pack.version) ++torn;
      version = pack.version;
    }
    if (record.decision.obligations.intOr("a", -1) != a) ++torn;
    if (record.decision.obligations.intOr("c", -1) != c) ++torn;
  }
  std::atomic<std::uint64_t> taken{0}, torn{0};
};

}  // namespace

TEST_CASE("no decision is torn while sets are swapped") {
  log::setLevel(log::Level::error);
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  CheckingSink sink;
  Engine engine;
  auto in_time = [now = clock.now()](VerifiedSet set) {
    set.issued_at = now;
    set.expires_at = now + hours(24);
    for (auto& pack : set.packs) pack.document.expires_at = now + hours(24);
    return set;
  };
  Runtime runtime({engine, clock, random, metrics, sink}, {});
  Line operators, organization;
  const auto offer = [&](Line& line, VerifiedSet set) {
    const auto version = set.version;
    line.begun = version;
    const auto status = runtime.offer(in_time(std::move(set)));
    if (!status) FAIL(status.error().error.text());
    line.done = version;
  };
  offer(operators, twins("operator", 1, "a", "b"));
  offer(organization, twins("org_1", 1, "c", "d"));

  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> decisions{0}, wrong{0}, torn{0}, changed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, with_org = i % 2 == 0] {
      const Question question{Point::model_use, with_org ? "org_1" : "", {}, modelInput()};
      std::int64_t last = 0;
      while (!stop) {
        const std::int64_t low = operators.done, low_org = organization.done;
        const auto d = runtime.decide(question);
        const std::int64_t high = operators.begun, high_org = organization.begun;
        const auto a = d.obligations.intOr("a", -1);
        if (!d.allow || a != d.obligations.intOr("b", -2)) ++torn;
        if (a < low || a > high) ++wrong;
        if (with_org) {
          const auto c = d.obligations.intOr("c", -1);
          if (c != d.obligations.intOr("d", -2)) ++torn;
          if (c < low_org || c > high_org) ++wrong;
        }
        if (std::exchange(last, a) != a) ++changed;
        ++decisions;
        // The swaps want their share of two cores, above all under ThreadSanitizer: nobody runs far ahead of them.
        while (!stop && decisions > kDecisionsPerSwap * static_cast<std::uint64_t>(operators.done + organization.done)) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
      }
    });
  }
  const int count = swaps();
  for (int i = 2; i <= count; ++i) {
    if (i % 3 == 0) {
      offer(organization, twins("org_1", organization.done + 1, "c", "d"));
    } else {
      offer(operators, twins("operator", operators.done + 1, "a", "b"));
    }
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  MESSAGE(decisions.load(), " decisions during ", count, " swaps; threads saw ", changed.load(), " changes");
  CHECK(torn == 0);
  CHECK(wrong == 0);
  CHECK(sink.torn == 0);
  CHECK(sink.taken == decisions);
  CHECK(decisions > 64);
  CHECK(changed > 64);
  // What runs, and one way back each.
  CHECK(eventually([&] { return metrics.gauge("ccp_policy_generations", "").value() <= 4; }));
  log::setLevel(log::Level::info);
}

TEST_CASE("a generation is freed when its last decision ends, and not before") {
  /// Holds the deciding thread inside its decision.
  struct Gate final : DecisionSink {
    void take(DecisionRecord&&) noexcept override {
      std::unique_lock lock(mutex);
      ++inside;
      changed.notify_all();
      changed.wait(lock, [this] { return open; });
    }
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    int inside = 0;
  } gate;
  FakeClock clock{kPolicyTime};
  SystemRandom random;
  Metrics metrics;
  Engine engine;
  Runtime runtime({engine, clock, random, metrics, gate}, {});
  const auto alive = [&] { return metrics.gauge("ccp_policy_generations", "").value(); };
  REQUIRE(runtime.offer(modelSet("operator", 1, saying("v", 1))));
  CHECK(alive() == 2);  // and the shipped set, as the way back
  std::int64_t answered = 0;
  std::thread late([&] { answered = runtime.decide({Point::model_use, {}, {}, modelInput()}).obligations.intOr("v"); });
  {
    std::unique_lock lock(gate.mutex);
    REQUIRE(gate.changed.wait_for(lock, std::chrono::seconds(20), [&] { return gate.inside == 1; }));
  }
  for (int version = 2; version <= 5; ++version) REQUIRE(runtime.offer(modelSet("operator", version, saying("v", version))));
  CHECK(eventually([&] { return alive() == 3; }));  // version 5, its way back, and the one that is held
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(alive() == 3);
  {
    const std::lock_guard lock(gate.mutex);
    gate.open = true;
    gate.changed.notify_all();
  }
  late.join();
  CHECK(answered == 1);
  CHECK(eventually([&] { return alive() == 2; }));
}

TEST_CASE("the same set offered from many sides at once is one swap") {
  World w;
  log::setLevel(log::Level::error);
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        if (!w.runtime.offer(modelSet("operator", 1, kAllowAll))) ++failed;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failed == 0);
  CHECK(w.runtime.status(std::string(kOperatorSet))->generation == 2);
  log::setLevel(log::Level::info);
}
