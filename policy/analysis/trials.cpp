#include "policy/analysis/trials.hpp"

#include <algorithm>
#include <chrono>
#include <map>

#include "core/base/random.hpp"
#include "policy/analysis/test_runner.hpp"
#include "policy/evaluation/compiled_set.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy {
namespace {

/// splitmix64: the same seed makes the same inputs everywhere.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) word = next();
      out[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
    }
  }

 private:
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

Result<std::shared_ptr<const CompiledSet>> compiled(Engine& engine, const PackDocument& pack) {
  VerifiedSet set;
  set.org = pack.org;
  set.origin = Origin::builtin;
  set.packs.push_back({pack, {}, {}});
  return CompiledSet::compile(engine, std::move(set));
}

}  // namespace

Result<FuzzReport> fuzzPack(Engine& engine, const PackDocument& pack, int samples, std::uint64_t seed, const std::function<void(std::int64_t)>& progress) {
  CCP_TRY(const auto set, compiled(engine, pack));
  FuzzReport out;
  std::map<std::string, std::size_t> known;
  for (const auto& [point, path] : pack.entry) {
    SeededRandom random(seed + static_cast<std::uint64_t>(point));
    std::optional<Schema> own;
    if (const auto narrower = pack.input_schema.find(point); narrower != pack.input_schema.end()) {
      CCP_TRY(own, Schema::compile(narrower->second));
    }
    for (int i = 0; i < samples; ++i) {
      Json input = own ? completeInput(point, own->sample(random)) : inputSchema(point).sample(random);
      const auto answer = set->decide(point, input.dump(), {}, &input);
      ++out.samples;
      if (progress && out.samples % 256 == 0) progress(out.samples);
      const auto& said = answer.packs.front();
      if (!said.faulted()) continue;
      ++out.faults;
      const auto message = std::string(toString(said.outcome.fault)) + ": " + said.outcome.message;
      if (const auto found = known.find(message); found != known.end()) {
        auto& example = out.examples[found->second];
        if (input.dump().size() < example.input.dump().size()) example.input = std::move(input);
      } else if (out.examples.size() < 10) {
        known[message] = out.examples.size();
        out.examples.push_back({point, message, std::move(input)});
      }
    }
  }
  return out;
}

Result<std::vector<PointBench>> benchPack(Engine& engine, const PackDocument& pack, Duration each) {
  using Steady = std::chrono::steady_clock;
  CCP_TRY(const auto set, compiled(engine, pack));
  std::vector<PointBench> out;
  for (const auto& [point, path] : pack.entry) {
    std::vector<std::pair<Json, std::string>> inputs;
    for (const auto& test : pack.tests) {
      if (test.point != point) continue;
      Json input = completeInput(point, test.input);
      auto text = input.dump();
      inputs.emplace_back(std::move(input), std::move(text));
    }
    if (inputs.empty()) inputs.emplace_back(inputSchema(point).example(), inputSchema(point).example().dump());
    std::vector<std::int64_t> times;
    std::int64_t sum = 0;
    const auto end = Steady::now() + each;
    for (std::size_t i = 0; i < 2'000'000; ++i) {
      const auto& [input, text] = inputs[i % inputs.size()];
      const auto begun = Steady::now();
      if (begun >= end && times.size() >= inputs.size()) break;
      const auto answer = set->decide(point, text, {}, &input);
      const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(Steady::now() - begun).count();
      if (i < inputs.size() && inputs.size() > 1) continue;  // the first round fills caches
      times.push_back(took);
      sum += took;
    }
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) { return times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))]; };
    const auto count = static_cast<std::int64_t>(times.size());
    out.push_back({point, count, at(0.5), at(0.99), sum / count});
  }
  return out;
}

}  // namespace ccp::policy
