#include "core/usage/rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::usage;

namespace {

const Timestamp kNow = *parseRfc3339("2026-11-21T05:30:00Z");

Json block() {
  return Json::object({{"period", "hour"},
                       {"start_at", "2026-11-21T04:00:00Z"},
                       {"model", "claude-opus-4-6"},
                       {"lane", "anthropic"},
                       {"requests", 3},
                       {"errors", 1},
                       {"input_tokens", 10},
                       {"output_tokens", 20},
                       {"cache_read_tokens", 30},
                       {"cache_write_tokens", 40},
                       {"revision", 2}});
}
Json with(std::string_view key, Json value) { return block().set(key, std::move(value)); }
Json without(std::string_view key) {
  Json out = block();
  out.erase(key);
  return out;
}

}  // namespace

TEST_CASE("a block is read with everything it says") {
  const auto read = parseBlock(block().set("cost_microusd", 7), kNow);
  REQUIRE(read.block);
  const Block& b = *read.block;
  CHECK((b.period == Period::hour));
  CHECK(formatRfc3339(b.start_at) == "2026-11-21T04:00:00Z");
  CHECK(b.model == "claude-opus-4-6");
  CHECK(b.lane == "anthropic");
  CHECK(b.counters == Counters{3, 1, 10, 20, 30, 40, 7});
  CHECK(b.counters.tokens() == 100);
  CHECK(b.revision == 2);
  CHECK_FALSE(b.ttft);
  CHECK(parseBlock(without("revision"), kNow).block->revision == 1);
  CHECK_FALSE(parseBlock(with("cost_microusd", Json()), kNow).block->counters.cost_microusd);
  const Json sketch = Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 300}, {"counts", Json::array({Json(4)})}});
  CHECK(parseBlock(with("ttft", sketch), kNow).block->ttft->count() == 4);
  CHECK_FALSE(parseBlock(with("ttft", Json()), kNow).block->ttft);
}

TEST_CASE("names of models and lanes that exist are accepted") {
  for (const char* model : {"gpt-4o", "claude-sonnet-4-5[1m]", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", "meta-llama/Llama-3.1-8B",
                            "qwen2.5-coder:32b", "models/gemini-pro@001", "o3"}) {
    CAPTURE(model);
    CHECK(parseBlock(with("model", model), kNow).block);
  }
  for (const char* lane : {"anthropic", "zai", "local", "lane-2", "my_lane"}) CHECK(parseBlock(with("lane", lane), kNow).block);
}

TEST_CASE("a block that breaks a rule is rejected with its code") {
  const std::int64_t beyond = (std::int64_t{1} << 53) + 1;
  const struct {
    Json json;
    const char* code;
    const char* says;
  } cases[] = {
      {Json("text"), "validation_failed", "object"},
      {Json::array(), "validation_failed", "object"},
      {with("seat", "seat_x"), "validation_failed", "unknown field 'seat'"},
      {without("period"), "validation_failed", "period"},
      {with("period", "week"), "validation_failed", "period"},
      {without("start_at"), "validation_failed", "start_at"},
      {with("start_at", "yesterday"), "validation_failed", "start_at"},
      {with("start_at", 1), "validation_failed", "start_at"},
      {with("start_at", "2026-11-21T04:00:01Z"), "misaligned", "whole hour"},
      {with("start_at", "2026-11-21T04:00:00.000001Z"), "misaligned", "whole hour"},
      {with("period", "day"), "misaligned", "midnight"},
      {with("start_at", "2026-11-21T07:00:00Z"), "in_the_future", "future"},
      {with("start_at", "2014-12-31T23:00:00Z"), "too_old", "2015"},
      {without("model"), "validation_failed", "model"},
      {with("model", ""), "validation_failed", "model"},
      {with("model", "=cmd()"), "validation_failed", "model"},
      {with("model", "a b"), "validation_failed", "model"},
      {with("model", "<script>"), "validation_failed", "model"},
      {with("model", std::string(129, 'a')), "validation_failed", "model"},
      {without("lane"), "validation_failed", "lane"},
      {with("lane", "Anthropic"), "validation_failed", "lane"},
      {with("lane", std::string(33, 'a')), "validation_failed", "lane"},
      {without("requests"), "validation_failed", "requests"},
      {with("requests", -1), "validation_failed", "requests"},
      {with("errors", 1.5), "validation_failed", "errors"},
      {with("input_tokens", beyond), "validation_failed", "input_tokens"},
      {with("output_tokens", "20"), "validation_failed", "output_tokens"},
      {without("cache_read_tokens"), "validation_failed", "cache_read_tokens"},
      {with("cache_write_tokens", Json()), "validation_failed", "cache_write_tokens"},
      {with("cost_microusd", 0.5), "validation_failed", "cost_microusd"},
      {with("ttft", "fast"), "validation_failed", "ttft"},
      {with("revision", 0), "validation_failed", "revision"},
      {with("revision", Json()), "validation_failed", "revision"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.json.dump());
    const auto read = parseBlock(c.json, kNow);
    REQUIRE_FALSE(read.block);
    CHECK((read.refusal.status == BlockStatus::rejected));
    CHECK(read.refusal.code == c.code);
    CHECK(read.refusal.detail.find(c.says) != std::string::npos);
  }
  CHECK(parseBlock(with("input_tokens", beyond - 1), kNow).block);
}

TEST_CASE("the current hour and a clock that is an hour ahead are accepted") {
  CHECK(parseBlock(with("start_at", "2026-11-21T05:00:00Z"), kNow).block);
  CHECK(parseBlock(with("start_at", "2026-11-21T06:00:00Z"), kNow).block);
  CHECK(parseBlock(with("start_at", "2026-11-21T05:00:00+01:00"), kNow).block);
  CHECK(parseBlock(block().set("period", "day").set("start_at", "2026-11-21T00:00:00Z"), kNow).block);
}

TEST_CASE("a body of another shape is refused as a whole") {
  Json many = Json::array();
  for (int i = 0; i < 1001; ++i) many.push(block());
  for (const Json& body : {Json::array(), Json::object(), Json::object({{"rollups", Json::object()}}),
                           Json::object({{"rollups", Json::array()}, {"org", "org_b"}}), Json::object({{"rollups", many}})}) {
    const auto parsed = parseRollups(body, kNow);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::validation_failed);
    CHECK(parsed.error().fields.size() == 1);
  }
  const auto mixed = parseRollups(Json::object({{"rollups", Json::array({block(), Json(1)})}}), kNow);
  REQUIRE(mixed);
  CHECK((*mixed)[0].block);
  CHECK(((*mixed)[1].refusal.status == BlockStatus::rejected));
}

TEST_CASE("the digest covers the content and nothing else") {
  const auto digest = [](const Json& json) { return digestOf(*parseBlock(json, kNow).block); };
  const std::string base = digest(block());
  CHECK(digest(with("revision", 9)) == base);
  CHECK(digest(with("start_at", "2026-11-21T05:00:00+01:00")) == base);
  CHECK(digest(with("cost_microusd", Json())) == base);
  for (const auto& [bound_key, value] : std::vector<std::pair<std::string, Json>>{{"model", "other"},
                                                                            {"lane", "zai"},
                                                                            {"start_at", "2026-11-21T03:00:00Z"},
                                                                            {"requests", 4},
                                                                            {"errors", 0},
                                                                            {"input_tokens", 11},
                                                                            {"output_tokens", 21},
                                                                            {"cache_read_tokens", 31},
                                                                            {"cache_write_tokens", 41},
                                                                            {"cost_microusd", 0}}) {
    const auto& key = bound_key;  // clang 14 cannot capture a structured binding
    CAPTURE(key);
    CHECK(digest(with(key, value)) != base);
  }
  Json sketch = Json::object({{"alpha", 0.01}, {"zero", 0}, {"offset", 300}, {"counts", Json::array({Json(4)})}});
  const std::string with_ttft = digest(with("ttft", sketch));
  CHECK(with_ttft != base);
  sketch.set("p50_ms", 1);  // follows from the sketch, so it is no content
  CHECK(digest(with("ttft", sketch)) == with_ttft);
}

TEST_CASE("what becomes of a block") {
  const Stored stored{5, "digest"};
  const DayState hours{true, false};
  const DayState day{false, true};
  const struct {
    std::optional<Stored> stored;
    DayState state;
    Period period;
    std::int64_t revision;
    const char* digest;
    BlockStatus status;
    const char* code;
  } cases[] = {
      {{}, {}, Period::hour, 1, "digest", BlockStatus::accepted, ""},
      {{}, {}, Period::day, 1, "digest", BlockStatus::accepted, ""},
      {{}, hours, Period::hour, 1, "digest", BlockStatus::accepted, ""},
      {{}, day, Period::day, 1, "digest", BlockStatus::accepted, ""},
      {{}, hours, Period::day, 1, "digest", BlockStatus::conflict, "hours_exist"},
      {{}, day, Period::hour, 1, "digest", BlockStatus::conflict, "day_exists"},
      {stored, hours, Period::hour, 6, "other", BlockStatus::accepted, ""},
      {stored, hours, Period::hour, 6, "digest", BlockStatus::accepted, ""},
      {stored, hours, Period::hour, 5, "digest", BlockStatus::duplicate, ""},
      {stored, hours, Period::hour, 5, "other", BlockStatus::conflict, "revision_conflict"},
      {stored, hours, Period::hour, 4, "digest", BlockStatus::duplicate, "stale_revision"},
      {stored, hours, Period::hour, 4, "other", BlockStatus::duplicate, "stale_revision"},
      {stored, day, Period::day, 6, "other", BlockStatus::accepted, ""},
  };
  for (const auto& c : cases) {
    CAPTURE(c.code);
    CAPTURE(c.revision);
    const auto result = decide(c.stored, c.state, c.period, c.revision, c.digest);
    CHECK((result.status == c.status));
    CHECK(result.code == c.code);
  }
}

TEST_CASE("counters add up, saturate, and keep a cost that any part knows") {
  Counters sum{1, 2, 3, 4, 5, 6, {}};
  sum.add({10, 20, 30, 40, 50, 60, {}});
  CHECK(sum == Counters{11, 22, 33, 44, 55, 66, {}});
  sum.add({0, 0, 0, 0, 0, 0, 9});
  sum.add({0, 0, 0, 0, 0, 0, {}});
  CHECK(sum.cost_microusd == 9);
  sum.add({kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber});
  CHECK(sum == Counters{kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber, kMaxNumber});
  CHECK(sum.tokens() == kMaxNumber);
}

TEST_CASE("windows are whole hours or whole UTC days that end with the present one") {
  const struct {
    WindowKind kind;
    const char* until;
    const char* from;
    const char* end;
    std::size_t buckets;
  } cases[] = {
      {WindowKind::day, "2026-11-21T05:30:00Z", "2026-11-20T06:00:00Z", "2026-11-21T06:00:00Z", 24},
      {WindowKind::day, "2026-11-21T06:00:00Z", "2026-11-20T06:00:00Z", "2026-11-21T06:00:00Z", 24},
      {WindowKind::day, "2026-11-21T06:00:00.000001Z", "2026-11-20T07:00:00Z", "2026-11-21T07:00:00Z", 24},
      {WindowKind::week, "2026-11-21T05:30:00Z", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z", 7},
      {WindowKind::week, "2026-11-21T00:00:00Z", "2026-11-14T00:00:00Z", "2026-11-21T00:00:00Z", 7},
      {WindowKind::week, "2026-03-01T12:00:00Z", "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z", 7},
  };
  for (const auto& c : cases) {
    const auto window = windowUntil(c.kind, *parseRfc3339(c.until));
    CHECK(formatRfc3339(window.from_at) == c.from);
    CHECK(formatRfc3339(window.until_at) == c.end);
    CHECK(window.buckets().size() == c.buckets);
    CHECK(window.buckets().front() == window.from_at);
  }
  CHECK((windowKindFrom("24h") == WindowKind::day));
  CHECK((windowKindFrom("7d") == WindowKind::week));
  CHECK(windowKindFrom("30d").error().code == Errc::validation_failed);
  CHECK(formatRfc3339(floorTo(fromUnixSeconds(-1), kDay)) == "1969-12-31T00:00:00Z");
}

TEST_CASE("consecutive days are one range, however many a request touches") {
  const auto day = [](int n) { return fromUnixSeconds(std::int64_t{86'400} * n); };
  CHECK(dayRanges({}).empty());
  const auto ranges = dayRanges({day(1), day(2), day(3), day(7), day(9), day(10)});
  REQUIRE(ranges.size() == 3);
  CHECK(ranges[0].from == day(1));
  CHECK(ranges[0].until == day(4));
  CHECK(ranges[1].until == day(8));
  CHECK(ranges[2].from == day(9));
  CHECK(ranges[2].until == day(11));
}

TEST_CASE("who may send and who may see") {
  using licensing::AdminOverride;
  CHECK(mayIngest(AdminOverride::none, "minimized"));
  CHECK(mayIngest(AdminOverride::none, "full"));
  CHECK(mayIngest(AdminOverride::none, "local_only").error().code == Errc::forbidden);
  CHECK(mayIngest(AdminOverride::suspended, "minimized").error().code == Errc::license_inactive);
  CHECK(mayIngest(AdminOverride::revoked, "minimized").error().code == Errc::license_inactive);
  CHECK(mayView(AdminOverride::none, {"zai_offload", "dashboards"}, "Team"));
  const auto refused = mayView(AdminOverride::none, {"zai_offload"}, "Team");
  CHECK(refused.error().code == Errc::plan_required);
  CHECK(refused.error().detail == "dashboards are not part of the plan Team");
  CHECK(mayView(AdminOverride::suspended, {"dashboards"}, "Team").error().code == Errc::license_inactive);
}

TEST_CASE("k-safety") {
  CHECK(showsSeats(true, 1, 5));
  CHECK_FALSE(showsSeats(false, 4, 5));
  CHECK(showsSeats(false, 5, 5));
}
