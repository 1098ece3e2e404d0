// The pure half of ccp.export-sql: statements per dialect, records as rows, scrubbed errors.
#include <doctest/doctest.h>

#include "dialect.hpp"
#include "rows.hpp"
#include "scrub.hpp"

using namespace sql_export;
using ccp::json;

TEST_CASE("each dialect keeps the first copy of an event and the newest revision of a rollup in its own words") {
  const auto lite = statementsOf(Dialect::sqlite, "ccp_");
  CHECK(lite.insert_event ==
        "insert into ccp_events (id, seq, event_type, org_id, subject, occurred_at, data) values (?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing");
  CHECK(lite.insert_rollup.find(" on conflict (rollup_id) do update set revision = excluded.revision, ") != std::string::npos);
  CHECK(lite.insert_rollup.find(" where excluded.revision > ccp_rollups.revision") != std::string::npos);

  const auto pg = statementsOf(Dialect::postgresql, "x_");
  CHECK(pg.insert_event == "insert into x_events (id, seq, event_type, org_id, subject, occurred_at, data) "
                           "values ($1, $2, $3, $4, $5, cast($6 as timestamptz), $7) on conflict (id) do nothing");
  CHECK(pg.insert_rollup.find("cast($22 as timestamptz)") != std::string::npos);
  CHECK(pg.update_stream == "update x_streams set last_sequence = $1, updated_at = cast($2 as timestamptz) where instance = $3 and stream = $4");

  const auto my = statementsOf(Dialect::mysql, "ccp_");
  CHECK(my.insert_event.find(" on duplicate key update id = id") != std::string::npos);
  // MySQL assigns from left to right: were the revision first, no later column would see the old one.
  CHECK(my.insert_rollup.substr(my.insert_rollup.rfind(", ")) == ", values(revision))");
  CHECK(my.insert_rollup.find(", revision = greatest(revision, values(revision))") != std::string::npos);
  CHECK(my.insert_rollup.find("requests = if(values(revision) > revision, values(requests), requests)") != std::string::npos);

  const auto any = statementsOf(Dialect::generic, "ccp_");
  CHECK(any.insert_event.find("conflict") == std::string::npos);
  CHECK(any.insert_rollup.find("duplicate") == std::string::npos);
  CHECK(any.update_rollup.find(" where rollup_id = ? and revision < ?") != std::string::npos);
  CHECK(any.has_event == "select count(*) from ccp_events where id = ?");
}

TEST_CASE("every column of a statement is a column of its table") {
  for (const auto dialect : {Dialect::sqlite, Dialect::postgresql, Dialect::mysql, Dialect::generic}) {
    CAPTURE(toString(dialect));
    const auto tables = tablesOf(dialect, "p_", 1);
    REQUIRE(tables.size() == 4);
    for (const auto column : kEventColumns) CHECK(tables[2].create.find(std::string(column) + " ") != std::string::npos);
    for (const auto column : kRollupColumns) CHECK(tables[3].create.find(std::string(column) + " ") != std::string::npos);
    for (const auto& table : tables) CHECK((table.create.find("if not exists") == std::string::npos) == (dialect == Dialect::generic));
    CHECK(tablesOf(dialect, "p_", 2).empty());
  }
}

TEST_CASE("times are written as the dialect reads them") {
  CHECK(timeText(Dialect::sqlite, "2026-11-21T05:06:07.25Z") == "2026-11-21T05:06:07.25Z");
  CHECK(timeText(Dialect::postgresql, "2026-11-21T05:06:07Z") == "2026-11-21T05:06:07Z");
  CHECK(timeText(Dialect::mysql, "2026-11-21T05:06:07.250001Z") == "2026-11-21 05:06:07.250001");
}

TEST_CASE("a rollup becomes typed columns, and what it does not say is null") {
  json record = {{"sequence", 9},
                 {"id", "rol_1.2"},
                 {"type", "usage.rollup"},
                 {"occurred_at", "2026-11-21T06:00:00Z"},
                 {"org", "org_a"},
                 {"data",
                  {{"rollup", "rol_1"}, {"revision", 2}, {"source", "key_1"}, {"seat", nullptr}, {"period", "hour"}, {"start_at", "2026-11-21T05:00:00Z"},
                   {"model", "claude"}, {"lane", "anthropic"}, {"requests", 1}, {"errors", 0}, {"input_tokens", 9007199254740992}, {"output_tokens", 3},
                   {"cache_read_tokens", 4}, {"cache_write_tokens", 5}, {"cost_microusd", nullptr}, {"ttft", nullptr}}}};
  RollupRow row = rollupRow(record);
  CHECK(row.id == "rol_1");
  CHECK(row.revision == 2);
  CHECK(row.sequence == 9);
  CHECK(row.input_tokens == 9007199254740992);
  CHECK_FALSE(row.seat.has_value());
  CHECK_FALSE(row.cost_microusd.has_value());
  CHECK_FALSE(row.ttft.has_value());
  CHECK_FALSE(row.p50_ms.has_value());
  record["data"]["seat"] = "seat_1";
  record["data"]["cost_microusd"] = 0;
  record["data"]["ttft"] = {{"alpha", 0.01}, {"zero", 0}, {"offset", 5}, {"counts", {1}}, {"p50_ms", 100}, {"p90_ms", 200.5}, {"p99_ms", nullptr}};
  row = rollupRow(record);
  CHECK(row.seat == "seat_1");
  CHECK(row.cost_microusd == 0);
  CHECK(row.p50_ms == 100);
  CHECK(row.p90_ms == 200.5);
  CHECK_FALSE(row.p99_ms.has_value());
  CHECK(json::parse(*row.ttft) == json({{"alpha", 0.01}, {"zero", 0}, {"offset", 5}, {"counts", {1}}}));
  for (const char* key : {"rollup", "revision", "source", "period", "start_at", "model", "lane", "requests", "input_tokens"}) {
    CAPTURE(key);
    json broken = record;
    broken["data"].erase(key);
    CHECK_THROWS_AS(rollupRow(broken), ccp::Error);
    broken["data"][key] = 1.5;
    CHECK_THROWS_AS(rollupRow(broken), ccp::Error);
  }
}

TEST_CASE("an event keeps its data as JSON text, and texts fit their columns") {
  const json record = {{"sequence", 1}, {"id", "evt_1"}, {"type", "license.changed"}, {"occurred_at", "2026-11-21T06:00:00Z"}, {"org", ""},
                       {"subject", std::string(150, 'a') + std::string("\0", 1) + std::string("ä") + std::string(100, 'b')},
                       {"data", {{"text", "a\nä\u0001"}}}};
  const EventRow row = eventRow(record);
  CHECK(json::parse(row.data) == record["data"]);
  CHECK(row.subject.size() <= 200);
  CHECK(row.subject.find('\0') == std::string::npos);
  CHECK(columnText("ää", 3) == "ä");
  CHECK(columnText(std::string(300, 'x')).size() == 200);
  CHECK_THROWS_AS(eventRow(json{{"sequence", 1}, {"id", "e"}, {"type", "t"}, {"occurred_at", "x"}, {"org", ""}, {"data", 1}}), ccp::Error);
}

TEST_CASE("no part of a connection string that could be a secret survives in an error") {
  const auto hides = [](const std::string& text, const std::string& connection, const std::string& secret) {
    const std::string out = scrub(text, connection);
    CAPTURE(out);
    return out.find(secret) == std::string::npos && out.find("***") != std::string::npos;
  };
  CHECK(hides("cannot use host=db password=s3cret", "host=db password=s3cret", "s3cret"));
  CHECK(hides("bad value 's3cret word' given", "host=db password='s3cret word' user=u", "s3cret"));
  CHECK(hides("PWD was p;w=d!", "DSN=x;PWD={p;w=d!};UID=u", "p;w=d!"));
  CHECK(hides("auth failed: pass word with spaces", "DSN=x;PWD=pass word with spaces;UID=u", "pass word"));
  CHECK(hides("for user:hunter22 at", "postgresql://user:hunter22@db.example.com/x?sslmode=require", "hunter22"));
  CHECK(hides("hunter22 is wrong", "postgresql://user:hunter22@db.example.com/x", "hunter22"));
  CHECK(hides("unable to open /var/lib/secret.db", "/var/lib/secret.db", "secret.db"));
  CHECK(scrub("connection refused", "host=db password=s3cret") == "connection refused");
  CHECK(scrub("a b c", "x=a") == "a b c");
  CHECK(scrub("", "") == "");
}
