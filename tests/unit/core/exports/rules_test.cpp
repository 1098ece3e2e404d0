#include <doctest/doctest.h>

#include "core/exports/records.hpp"
#include "core/exports/rules.hpp"

using namespace ccp;
using namespace ccp::exports;

TEST_CASE("retries follow the schedule of Standard Webhooks, a fifth more or less") {
  const std::vector<Duration> schedule = {seconds(5), minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24), hours(24)};
  CHECK(backOff(0, 0.5) == Duration(0));
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    const auto failures = static_cast<std::int64_t>(i + 1);
    CAPTURE(failures);
    CHECK(backOff(failures, 0.5) == schedule[i]);
    CHECK(backOff(failures, 0.0) == schedule[i] * 8 / 10);
    CHECK(backOff(failures, 0.999) < schedule[i] * 12 / 10);
  }
  CHECK(backOff(1'000'000'000, 0.5) == hours(24));
}

TEST_CASE("what the target says about coming back wins over the schedule") {
  CHECK(waitAfter(7, 90, 0.9) == seconds(90));
  CHECK(waitAfter(1, 0, 0.5) == seconds(5));
}

TEST_CASE("a batch is bounded in records and bytes, and never empty") {
  CHECK(batchSize({}) == 0);
  CHECK(batchSize({kMaxBytes * 3}) == 1);
  CHECK(batchSize({kMaxBytes * 3, 1}) == 1);
  CHECK(batchSize({kMaxBytes / 2, kMaxBytes / 2, 1}) == 2);
  CHECK(batchSize(std::vector<std::size_t>(kMaxRecords + 7, 10)) == kMaxRecords);
}

TEST_CASE("an event is exported as it is, under its own id") {
  const auto at = parseRfc3339("2026-11-21T05:06:07Z").value();
  const auto record = recordOf(db::OutboxEvent{"evt_1", "license.changed", "org_a", "lic_1", at, Json::object({{"state", "active"}}), 3});
  CHECK(record.id == "evt_1");
  CHECK(record.type == "license.changed");
  CHECK(record.org == "org_a");
  CHECK(record.subject == "lic_1");
  CHECK(record.occurred_at == at);
  CHECK(record.data.dump() == R"({"state":"active"})");
  CHECK(recordOf(db::OutboxEvent{"evt_1", "x.y", "", "", at, Json(), 1}).data.isObject());
}

TEST_CASE("every revision of a rollup is a record of its own, with numbers as they were accepted") {
  usage::AcceptedRollup rollup;
  rollup.id = "rol_1";
  rollup.source = {"org_a", "dev_1", "seat_1"};
  rollup.received_at = parseRfc3339("2026-11-21T06:00:01Z").value();
  rollup.block.start_at = parseRfc3339("2026-11-21T05:00:00Z").value();
  rollup.block.model = "claude-opus-4-6";
  rollup.block.lane = "anthropic";
  rollup.block.counters = {2, 1, 10, 20, 30, 40, {}};
  rollup.block.revision = 3;
  auto record = recordOf(rollup);
  CHECK(record.id == "rol_1.3");
  CHECK(record.type == "usage.rollup");
  CHECK(record.subject == "rol_1");
  CHECK(record.occurred_at == rollup.received_at);
  CHECK(record.data.dump() ==
        R"({"rollup":"rol_1","revision":3,"source":"dev_1","seat":"seat_1","period":"hour","start_at":"2026-11-21T05:00:00Z",)"
        R"("model":"claude-opus-4-6","lane":"anthropic","requests":2,"errors":1,"input_tokens":10,"output_tokens":20,)"
        R"("cache_read_tokens":30,"cache_write_tokens":40,"cost_microusd":null,"ttft":null})");
  rollup.source.seat.clear();
  rollup.block.counters.cost_microusd = 0;
  rollup.block.ttft.emplace();
  rollup.block.ttft->add(100);
  record = recordOf(rollup);
  CHECK(record.data["seat"].isNull());
  CHECK(record.data.intOr("cost_microusd", -1) == 0);
  CHECK(record.data["ttft"]["p50_ms"].asDouble().value() == doctest::Approx(100).epsilon(0.011));
  CHECK(record.data["ttft"]["counts"].size() == 1);
}

TEST_CASE("usage leaves the server only for tiers that send it") {
  CHECK(mayExportUsage("minimized"));
  CHECK(mayExportUsage("full"));
  CHECK_FALSE(mayExportUsage("local_only"));
  CHECK_FALSE(mayExportUsage(""));
  CHECK_FALSE(mayExportUsage("a tier of the future"));
}

TEST_CASE("an unknown state sends nothing") {
  for (const auto state : {StreamState::active, StreamState::declined, StreamState::disabled}) CHECK((streamStateFrom(toString(state)) == state));
  CHECK((streamStateFrom("?") == StreamState::disabled));
}
