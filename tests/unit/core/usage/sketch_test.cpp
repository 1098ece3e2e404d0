#include "core/usage/sketch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace ccp;
using ccp::usage::Sketch;

namespace {
Json wire(std::int64_t zero, std::int64_t offset, std::vector<std::int64_t> counts) {
  Json list = Json::array();
  for (const auto n : counts) list.push(n);
  return Json::object({{"alpha", 0.01}, {"zero", zero}, {"offset", offset}, {"counts", list}});
}
}  // namespace

TEST_CASE("quantiles are within one percent of the true ones, whatever the distribution") {
  std::mt19937_64 engine(7);
  std::lognormal_distribution<double> latency(6, 1.5);
  std::uniform_real_distribution<double> flat(0.5, 30'000);
  for (const bool skewed : {true, false}) {
    Sketch sketch;
    std::vector<double> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(skewed ? latency(engine) : flat(engine));
      sketch.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      CAPTURE(q);
      const double truth = values[static_cast<std::size_t>(std::floor(q * static_cast<double>(values.size() - 1)))];
      CHECK(std::abs(*sketch.quantile(q) - truth) <= truth * 0.0101);
    }
  }
}

TEST_CASE("merging parts gives what one sketch of everything gives, in any order") {
  std::mt19937_64 engine(11);
  std::lognormal_distribution<double> latency(5, 2);
  Sketch whole;
  std::vector<Sketch> parts(5);
  for (int i = 0; i < 5'000; ++i) {
    const double value = i % 50 == 0 ? 0 : latency(engine);
    whole.add(value);
    parts[static_cast<std::size_t>(i % 5)].add(value);
  }
  Sketch forward;
  Sketch backward;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    forward.merge(parts[i]);
    backward.merge(parts[parts.size() - 1 - i]);
  }
  CHECK(forward.json() == whole.json());
  CHECK(backward.json() == whole.json());
  CHECK(forward.count() == 5'000);
}

TEST_CASE("the median of two halves is not the mean of their medians") {
  Sketch fast;
  Sketch slow;
  for (int i = 0; i < 99; ++i) fast.add(100);
  slow.add(10'000);
  fast.merge(slow);
  CHECK(*fast.quantile(0.5) == doctest::Approx(100).epsilon(0.011));
  CHECK(*fast.quantile(1.0) == doctest::Approx(10'000).epsilon(0.011));
}

TEST_CASE("a sketch survives the wire, and its form is canonical") {
  const auto parsed = Sketch::parse(wire(2, 10, {0, 3, 0, 4, 0}));
  REQUIRE(parsed);
  CHECK(parsed->count() == 9);
  CHECK(parsed->json() == wire(2, 11, {3, 0, 4}));
  CHECK(Sketch::parse(parsed->json())->json() == parsed->json());
  CHECK(Sketch::parse(wire(0, 77, {0, 0}))->json() == wire(0, 0, {}));
  CHECK_FALSE(Sketch::parse(wire(0, 0, {}))->quantile(0.5));
  CHECK(*Sketch::parse(wire(5, 0, {}))->quantile(0.99) == 0);
  Json with_percentiles = wire(0, 300, {4});
  with_percentiles.set("p50_ms", 400.5).set("p90_ms", 401).set("p99_ms", Json());
  CHECK(Sketch::parse(with_percentiles)->json() == wire(0, 300, {4}));
}

TEST_CASE("a sketch that breaks a rule is refused") {
  const std::int64_t big = std::int64_t{1} << 53;
  const Json cases[] = {
      Json(), Json("x"), Json::object(), Json::object({{"alpha", 0.01}}),
      Json::object({{"alpha", 0.02}, {"zero", 0}, {"offset", 0}, {"counts", Json::array()}}),
      wire(-1, 0, {}), wire(0, 0, {-1}), wire(0, -2001, {}), wire(0, 2001, {}), wire(0, 2000, {1, 1}),
      wire(big + 1, 0, {}), wire(0, 0, {big + 1}), wire(big, 0, {1}), wire(0, 0, std::vector<std::int64_t>(513, 0)),
      Json::object({{"alpha", 0.01}, {"zero", 0.5}, {"offset", 0}, {"counts", Json::array()}}),
      Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 0}, {"counts", Json::object()}}),
      Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 0}, {"counts", Json::array({Json("1")})}}),
      Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 0}, {"counts", Json::array()}, {"sum", 1}}),
      Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 0}, {"counts", Json::array()}, {"p50_ms", -1}}),
      Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 0}, {"counts", Json::array()}, {"p50_ms", "fast"}}),
  };
  for (const auto& json : cases) {
    CAPTURE(json.dump());
    const auto parsed = Sketch::parse(json);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::validation_failed);
  }
  CHECK(Sketch::parse(wire(big, 0, std::vector<std::int64_t>(512, 0))));
  CHECK(Sketch::parse(wire(0, 2000, {1})));
}

TEST_CASE("counts saturate instead of wrapping when many are merged") {
  const std::int64_t big = std::int64_t{1} << 53;
  Sketch sum = *Sketch::parse(wire(0, 100, {big}));
  for (int i = 0; i < 2'000; ++i) sum.merge(*Sketch::parse(wire(0, 100, {big})));
  CHECK(sum.count() == big);
  CHECK(sum.quantile(0.5).has_value());
}
