// What the policy runtime adds to the engine: a decision through it beside the bare engine, flat or not in the
// number of organizations, what a hot swap does to decisions meanwhile, offers, a cold start from a cache on
// disk. One JSON line a figure; rounds of the two sides of a ratio are interleaved, figures are medians.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.hpp"
#include "policy/distribution/updater.hpp"
#include "policy/runtime/runtime.hpp"
#include "tests/support/policy_sets.hpp"
#include "tests/support/policy_workshop.hpp"

using namespace ccp;
using namespace ccp::policy;
using namespace ccp::test;
using Steady = std::chrono::steady_clock;

namespace {

constexpr int kRounds = 15;

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "policy_runtime: %s\n", text.c_str());
  std::exit(1);
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
double rounded(double value) { return std::round(value * 100) / 100; }
double microsSince(Steady::time_point began) { return std::chrono::duration<double, std::micro>(Steady::now() - began).count(); }
/// Microseconds for each of `count` runs.
template <class F>
double timed(int count, F&& fn) {
  const auto began = Steady::now();
  for (int i = 0; i < count; ++i) fn(i);
  return microsSince(began) / count;
}
void emit(const std::string& name, double value, const char* unit, const char* peer = nullptr, double peer_value = 0, double ratio = 0) {
  Json line = Json::object({{"name", name}, {"value", rounded(value)}, {"unit", unit}});
  if (peer) line.set("peer", peer).set("peer_value", rounded(peer_value)).set("ratio", rounded(ratio));
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}
void goal(const std::string& name, double value, const char* unit, double limit) { emit(name, value, unit, "goal", limit, value / limit); }

class NoSink final : public DecisionSink {
 public:
  void take(DecisionRecord&&) noexcept override {}
};

/// Rules of an ordinary length; the number tells one organization's text from another's.
std::string rules(std::int64_t number) {
  return R"lua(
local models = { ["claude-sonnet-4-5"] = true, ["claude-haiku-4-5"] = true, ["glm-4.6"] = true }
function decide(input)
  local org, subject = input.org, input.subject
  if org.state == "suspended" or org.state == "revoked" then return { allow = false, rule = "state" } end
  if org.privacy == "local_only" then return { allow = true, lane = "local", rule = "local" } end
  if not models[input.model] then return { allow = false, rule = "model", reason = "This model is not on the list." } end
  if subject.role == "viewer" then return { allow = false, rule = "role" } end
  if org.plan == "community" and input.model ~= "claude-haiku-4-5" then return { allow = false, rule = "plan" } end
  return { allow = true, rule = "default", obligations = { number = )lua" + std::to_string(number) + " } }\nend\n";
}
VerifiedSet setOf(const std::string& org, std::int64_t version, const Clock& clock) {
  auto set = makeSet(org, version, {makePack(org, "models", version, {{Point::model_use, rules(version)}})});
  set.issued_at = clock.now();
  set.expires_at = set.packs.front().document.expires_at = clock.now() + hours(24);
  return set;
}

struct World {
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  NoSink sink;
  Engine engine;
  Runtime runtime{{engine, clock, random, metrics, sink}, {}};
  void offer(const std::string& org, std::int64_t version) {
    if (const auto status = runtime.offer(setOf(org, version, clock)); !status) die(status.error().error.text());
  }
  Question question(const std::string& org = {}) const { return {Point::model_use, org, "seat_1", modelInput()}; }
};

void besideTheEngine() {
  World w;
  w.offer("operator", 1);
  auto loaded = w.engine.load("models.lua", rules(1));
  if (!loaded) die(loaded.error().text());
  const ProgramPtr program = *loaded;
  const Question question = w.question();
  const std::string text = modelInput().set("now", formatRfc3339(w.clock.now())).dump();
  std::vector<double> ours, engine, ratios;
  std::vector<double> each;
  for (int round = 0; round < kRounds; ++round) {
    engine.push_back(timed(4000, [&](int) {
      if (w.engine.decide(program, text, {}, {true, false}).fault != Fault::none) die("the engine faulted");
    }));
    ours.push_back(timed(4000, [&](int) {
      if (!w.runtime.decide(question).allow) die("denied");
    }));
    ratios.push_back(ours.back() / engine.back());
  }
  emit("policy_runtime_decide", median(ours), "us", "bare engine, fields recorded", median(engine), median(ratios));
  for (int i = 0; i < 100'000; ++i) {
    const auto began = Steady::now();
    w.runtime.decide(question);
    each.push_back(microsSince(began));
  }
  std::sort(each.begin(), each.end());
  emit("policy_runtime_decide_p50", each[each.size() / 2], "us");
  emit("policy_runtime_decide_p99", each[each.size() * 99 / 100], "us");
}

/// The same questions to one organization and spread over many, each with a pack of its own.
void organizations() {
  constexpr int kMany = 10'000, kWorking = 500;
  World few, many;
  few.offer("operator", 1);
  many.offer("operator", 1);
  few.offer("org_0", 1);
  std::vector<double> offers;
  for (int i = 0; i < kMany; ++i) {
    const auto set = setOf("org_" + std::to_string(i), i + 1, many.clock);
    const auto began = Steady::now();
    if (!many.runtime.offer(set)) die("an organization's set was refused");
    offers.push_back(microsSince(began));
  }
  emit("policy_offer_first_thousand", median({offers.begin(), offers.begin() + 1000}), "us");
  emit("policy_offer_last_thousand", median({offers.end() - 1000, offers.end()}), "us", "first thousand", median({offers.begin(), offers.begin() + 1000}),
       median({offers.end() - 1000, offers.end()}) / median({offers.begin(), offers.begin() + 1000}));
  const Question one = few.question("org_0");
  std::vector<Question> all;
  for (int i = 0; i < kMany; ++i) all.push_back(many.question("org_" + std::to_string((i * 7919) % kMany)));
  std::vector<double> single, same, working, spread, same_ratio, working_ratio, spread_ratio;
  for (int i = 0; i < kMany; ++i) many.runtime.decide(all[static_cast<std::size_t>(i)]);
  for (int round = 0; round < kRounds; ++round) {
    const auto ask = [&](Runtime& runtime, const Question& question) {
      if (!runtime.decide(question).allow) die("denied");
    };
    for (int i = 0; i < kWorking; ++i) ask(many.runtime, all[static_cast<std::size_t>(i)]);
    single.push_back(timed(4000, [&](int) { ask(few.runtime, one); }));
    same.push_back(timed(4000, [&](int) { ask(many.runtime, all[0]); }));
    working.push_back(timed(4000, [&](int i) { ask(many.runtime, all[static_cast<std::size_t>(i % kWorking)]); }));
    spread.push_back(timed(10'000, [&](int i) { ask(many.runtime, all[static_cast<std::size_t>(i)]); }));
    same_ratio.push_back(same.back() / single.back());
    working_ratio.push_back(working.back() / single.back());
    spread_ratio.push_back(spread.back() / single.back());
  }
  const char* const peer = "one organization loaded";
  emit("policy_decide_one_of_10000_orgs", median(same), "us", peer, median(single), median(same_ratio));
  emit("policy_decide_500_of_10000_orgs", median(working), "us", peer, median(single), median(working_ratio));
  emit("policy_decide_all_10000_orgs", median(spread), "us", peer, median(single), median(spread_ratio));

  // A swap waits for nobody, however many sets there are.
  std::int64_t version = 1;
  std::vector<double> lonely, crowded, ratios;
  for (int round = 0; round < 60; ++round) {
    ++version;
    lonely.push_back(timed(1, [&](int) { few.offer("operator", version); }));
    crowded.push_back(timed(1, [&](int) { many.offer("operator", version); }));
    ratios.push_back(crowded.back() / lonely.back());
  }
  emit("policy_offer_beside_10000_orgs", median(crowded), "us", "beside one", median(lonely), median(ratios));
}

struct Window {
  double began = 0, ended = 0;  ///< microseconds
};
/// One thread decides without a pause, another does `work` every 2 ms. For each piece of work: the longest of
/// the decisions that it overlapped, and of the two after it (one more may have to make an interpreter).
std::vector<double> worstBeside(World& w, const Question& question, const std::function<void()>& work) {
  const auto zero = Steady::now();
  std::atomic<bool> stop{false};
  std::vector<Window> windows, decisions;
  std::thread other([&] {
    while (!stop) {
      const double began = microsSince(zero);
      work();
      windows.push_back({began, microsSince(zero)});
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  for (double began = 0; began < 300'000;) {
    began = microsSince(zero);
    w.runtime.decide(question);
    decisions.push_back({began, microsSince(zero)});
  }
  stop = true;
  other.join();
  std::vector<double> out;
  std::size_t at = 0;
  for (const auto& window : windows) {
    while (at < decisions.size() && decisions[at].ended < window.began) ++at;
    double worst = 0;
    int after = 0;
    for (std::size_t i = at; i < decisions.size() && after < 2; ++i) {
      worst = std::max(worst, decisions[i].ended - decisions[i].began);
      if (decisions[i].began > window.ended) ++after;
    }
    if (after == 2) out.push_back(worst);
  }
  return out;
}

void swaps() {
  World w;
  w.offer("operator", 1);
  const Question question = w.question();
  std::int64_t version = 1;
  // Both sides compile, lint and test as much beside the decisions; one of them swaps. What differs is the swap.
  std::vector<double> with, without;
  for (int round = 0; round < kRounds; ++round) {
    const auto examined = worstBeside(w, question, [&] { (void)w.runtime.examine(setOf("operator", ++version, w.clock)); });
    const auto swapped = worstBeside(w, question, [&] { w.offer("operator", ++version); });
    without.insert(without.end(), examined.begin(), examined.end());
    with.insert(with.end(), swapped.begin(), swapped.end());
  }
  const auto percentile = [](std::vector<double>& values, std::size_t percent) {
    std::sort(values.begin(), values.end());
    return values[values.size() * percent / 100];
  };
  const char* const peer = "examined, not swapped";
  // On a machine with other work to do the tail of both sides is its scheduler's: hence the share beside the median.
  const auto slow = [](const std::vector<double>& values) {
    return 100.0 * static_cast<double>(std::count_if(values.begin(), values.end(), [](double v) { return v > 1000; })) / static_cast<double>(values.size());
  };
  emit("policy_decide_worst_at_a_swap_p50", percentile(with, 50), "us", peer, percentile(without, 50), percentile(with, 50) / percentile(without, 50));
  emit("policy_swaps_with_a_decision_over_1ms", slow(with), "%", peer, slow(without), slow(with) / std::max(slow(without), 0.01));
  goal("policy_swap_pause", percentile(with, 50), "us", 1000);
}

void coldStart() {
  char name[] = "/tmp/ccp-bench-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  SystemClock clock;
  PolicyWorkshop shop("operator", clock.now() - hours(1));
  WorkshopSource source(shop);
  std::vector<PackDocument> packs;
  for (int i = 0; i < 5; ++i) packs.push_back(shop.pack("pack" + std::to_string(i), 1, rules(i), Point::model_use));
  shop.publish(Channel::prod, packs, clock.now());
  const Updater::Options options{folder + "/cache", "operator", Channel::prod, shop.rootPin()};
  {
    Updater updater(options, source, clock);
    auto set = updater.fetch(Duration(0));
    if (!set) die(set.error().text());
    if (!*set || !updater.confirm(**set)) die("nothing was fetched");
  }
  std::vector<double> all, verified;
  for (int round = 0; round < 2 * kRounds; ++round) {
    const auto began = Steady::now();
    SystemRandom random;
    Metrics metrics;
    NoSink sink;
    Engine engine;
    Runtime runtime({engine, clock, random, metrics, sink}, {.channel = Channel::prod});
    const auto opening = Steady::now();
    Updater updater(options, source, clock);
    auto set = updater.fromCache();
    if (!set) die(set.error().text());
    verified.push_back(microsSince(opening) / 1000);
    if (const auto status = runtime.offer(std::move(*set)); !status) die(status.error().error.text());
    if (!runtime.decide({Point::model_use, {}, {}, modelInput()}).allow) die("denied");
    all.push_back(microsSince(began) / 1000);
  }
  emit("policy_cold_start_read_and_verify", median(verified), "ms");
  goal("policy_cold_start", median(all), "ms", 20);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace

int main() {
  log::setLevel(log::Level::error);
  besideTheEngine();
  organizations();
  swaps();
  coldStart();
}
