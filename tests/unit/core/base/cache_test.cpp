#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/base/fresh_cache.hpp"
#include "core/base/keyed_hash.hpp"
#include "core/base/sharded_cache.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::test;

namespace {

using Texts = ShardedCache<Digest, const std::string, DigestHash>;

struct Names {
  SeededRandom random{7};
  KeyedHash hash{random};
  Digest operator()(int i) const { return hash("name " + std::to_string(i)); }
};

std::shared_ptr<const std::string> text(int i) { return std::make_shared<const std::string>(std::to_string(i)); }

}  // namespace

TEST_CASE("a keyed hash is the same for the same text and key, another for every other") {
  SeededRandom one(1), two(2);
  const KeyedHash a(one), b(two);
  CHECK(a("token") == a("token"));
  CHECK(a("token") != a("tokem"));
  CHECK(a("token") != b("token"));
}

TEST_CASE("a cache keeps to its bound of entries, and what is used stays longest") {
  Metrics metrics;
  Texts cache({1600, 64u << 20}, CacheMeters(metrics, "t"));
  const Names name;
  for (int i = 0; i < 100; ++i) cache.put(name(i), text(i), 10);
  for (int i = 100; i < 20'000; ++i) {
    for (int k = 0; k < 100; k += 10) CHECK(cache.find(name(k)) != nullptr);
    cache.put(name(i), text(i), 10);
  }
  CHECK(cache.size() <= 1600);
  CHECK(cache.size() > 1400);
  int kept = 0;
  for (int k = 0; k < 100; k += 10) kept += cache.find(name(k)) && *cache.find(name(k)) == std::to_string(k);
  CHECK(kept == 10);
  CHECK(cache.find(name(1)) == nullptr);
  CHECK(metrics.counter("ccp_cache_evictions_total", "", {{"cache", "t"}}).value() == 20'000 - static_cast<double>(cache.size()));
}

TEST_CASE("a cache keeps to its bound of bytes; what is larger than its share is not kept") {
  Metrics metrics;
  Texts cache({100'000, 1u << 20}, CacheMeters(metrics, "t"));
  const Names name;
  for (int i = 0; i < 5000; ++i) cache.put(name(i), text(i), 1000);
  CHECK(cache.bytes() <= 1u << 20);
  CHECK(cache.bytes() > 900'000);
  CHECK(cache.size() < 1000);
  cache.put(name(9999), text(1), 1u << 20);
  CHECK(cache.find(name(9999)) == nullptr);
  // A replaced value is counted once.
  for (int i = 0; i < 1000; ++i) cache.put(name(1), text(i), 500 + static_cast<std::size_t>(i));
  CHECK(cache.bytes() <= 1u << 20);
  CHECK(*cache.find(name(1)) == "999");
  cache.forgetIf([](const Digest&, const std::string&) { return true; });
  CHECK(cache.bytes() == 0);
  CHECK(cache.size() == 0);
}

TEST_CASE("a cache of no entries keeps nothing") {
  Metrics metrics;
  Texts cache({0, 1u << 20}, CacheMeters(metrics, "t"));
  cache.put(Names()(1), text(1), 1);
  CHECK(cache.find(Names()(1)) == nullptr);
}

TEST_CASE("what was looked up before an invalidation is not kept after it") {
  Metrics metrics;
  Texts cache({100, 1u << 20}, CacheMeters(metrics, "t"));
  const Names name;
  const auto ticket = cache.ticket(name(1));
  cache.forget(name(1));
  cache.put(name(1), text(1), 1, ticket);
  CHECK(cache.find(name(1)) == nullptr);
  cache.put(name(1), text(2), 1, cache.ticket(name(1)));
  REQUIRE(cache.find(name(1)) != nullptr);
  const auto again = cache.ticket(name(1));
  cache.forgetIf([](const Digest&, const std::string& value) { return value == "2"; });
  cache.put(name(1), text(3), 1, again);
  CHECK(cache.find(name(1)) == nullptr);
}

TEST_CASE("a fresh answer is for everybody; an ageing one sends one caller to look again; a stale one is for nobody") {
  Metrics metrics;
  FakeClock clock;
  FreshCache<std::string, int> cache(clock, {100, 1u << 20}, CacheMeters(metrics, "t"), {.fresh = seconds(5), .stale = seconds(10), .retry = seconds(1)});
  CHECK(cache.find("a") == nullptr);
  cache.put("a", 1, 8, cache.ticket("a"));
  clock.advance(milliseconds(4999));
  REQUIRE(cache.find("a") != nullptr);
  CHECK(*cache.findFresh("a") == 1);
  clock.advance(milliseconds(1));
  CHECK(cache.findFresh("a") == nullptr);
  CHECK(cache.find("a") == nullptr);  // this caller looks
  CHECK(cache.find("a") != nullptr);  // the others go on
  clock.advance(milliseconds(1000));
  CHECK(cache.find("a") == nullptr);  // the first did not come back
  CHECK(cache.find("a") != nullptr);
  const auto ticket = cache.ticket("a");
  clock.advance(milliseconds(500));
  cache.put("a", 2, 8, ticket);
  CHECK(*cache.find("a") == 2);
  clock.advance(milliseconds(9499));  // as old as the question, not as the answer
  (void)cache.find("a");
  CHECK(cache.find("a") != nullptr);
  clock.advance(milliseconds(1));
  CHECK(cache.find("a") == nullptr);
  CHECK(cache.find("a") == nullptr);

  const auto old = cache.ticket("a");
  cache.forget("a");
  CHECK(*cache.put("a", 3, 8, old) == 3);
  CHECK(cache.find("a") == nullptr);
}

TEST_CASE("many threads find, put, forget and evict at once") {
  Metrics metrics;
  SystemClock clock;
  Texts cache({256, 1u << 20}, CacheMeters(metrics, "a"));
  FreshCache<int, std::string> fresh(clock, {256, 1u << 20}, CacheMeters(metrics, "b"), {.fresh = milliseconds(1), .stale = milliseconds(3), .retry = milliseconds(1)});
  const Names name;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20'000; ++i) {
        const int k = (i * 7 + t * 13) % 1000;
        if (const auto found = cache.find(name(k)); found && *found != std::to_string(k)) ++wrong;
        cache.put(name(k), text(k), 100, cache.ticket(name(k)));
        if (const auto found = fresh.find(k); found && *found != std::to_string(k)) ++wrong;
        fresh.put(k, std::to_string(k), 100, fresh.ticket(k));
        if (i % 50 == 0) cache.forget(name(k));
        if (i % 1000 == 0) fresh.forgetIf([&](const std::string& value) { return value.size() == 2; });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(cache.size() <= 256);
  CHECK(fresh.size() <= 256);
}
