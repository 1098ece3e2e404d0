#include "core/licensing/packs.hpp"

#include <doctest/doctest.h>

#include "core/licensing/replay_cache.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::licensing;

namespace {
const Timestamp kNow = fromUnixSeconds(1'800'000'000);
constexpr Duration kTtl = hours(24 * 7), kGrace = hours(72);
}  // namespace

TEST_CASE("a pack lives its time, but is never usable beyond the license's end plus the grace") {
  struct Row {
    const char* name;
    std::optional<Timestamp> ends_at;
    Timestamp expires_at;
    std::int64_t grace_s;
  };
  const Row rows[] = {
      {"no known end", std::nullopt, kNow + kTtl, 72 * 3600},
      {"end after the pack", kNow + kTtl + hours(1), kNow + kTtl, 72 * 3600},
      {"end in two days", kNow + hours(48), kNow + hours(48), 72 * 3600},
      {"end in a minute", kNow + minutes(1), kNow + minutes(15), 72 * 3600 - 14 * 60},
      {"end a moment ago, not settled", kNow - minutes(30), kNow + minutes(15), 72 * 3600 - 45 * 60},
      {"end long ago", kNow - hours(100), kNow + minutes(15), 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto life = packLife(kNow, kTtl, kGrace, row.ends_at);
    CHECK((life.expires_at == row.expires_at));
    CHECK(life.grace_s == row.grace_s);
    if (row.ends_at && *row.ends_at > kNow) CHECK(life.expires_at + seconds(life.grace_s) <= std::max(*row.ends_at + kGrace, kNow + minutes(15)));
  }
}

TEST_CASE("a proof is new once, per key, until it expires") {
  test::SeededRandom random(3);
  Metrics metrics;
  ReplayCache cache(random, metrics);
  CHECK(cache.firstUse("key", "j1", kNow, kNow + minutes(5)));
  CHECK_FALSE(cache.firstUse("key", "j1", kNow + minutes(4), kNow + minutes(5)));
  CHECK(cache.firstUse("other", "j1", kNow, kNow + minutes(5)));
  CHECK(cache.firstUse("key", "j2", kNow, kNow + minutes(5)));
  // The boundary between key and jti is part of the pair.
  CHECK(cache.firstUse("ke", std::string_view("y\0j1", 4), kNow, kNow + minutes(5)));
  CHECK(cache.size() == 4);
  CHECK(cache.firstUse("key", "j1", kNow + minutes(7), kNow + minutes(12)));
}

TEST_CASE("a full cache forgets the oldest minute and counts it") {
  test::SeededRandom random(3);
  Metrics metrics;
  ReplayCache cache(random, metrics, 1600);
  for (int i = 0; i < 20000; ++i) CHECK(cache.firstUse("key", std::to_string(i), kNow + milliseconds(i * 30), kNow + milliseconds(i * 30) + minutes(6)));
  CHECK(cache.size() <= 1600);
  CHECK(metrics.counter("ccp_replay_cache_forgotten_total", "").value() > 0);
  CHECK_FALSE(cache.firstUse("key", "19999", kNow + minutes(10), kNow + minutes(16)));
}
