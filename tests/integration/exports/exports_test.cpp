// What is queued, sent, acknowledged and repeated, on both databases.
#include <thread>

#include "core/base/encoding.hpp"
#include "core/usage/service.hpp"
#include "tests/integration/exports/world.hpp"
#include "tests/support/schema_rules.hpp"

using namespace ccp;
using namespace ccp::exports;
using namespace ccp::exports::test;

namespace {

http::Principal device(const std::string& seat, const std::string& id) {
  http::Principal out;
  out.kind = http::PrincipalKind::access_token;
  out.org = "org_a";
  out.user = "usr_1";
  out.seat = seat;
  out.device = id;
  out.role = "member";
  out.scopes = {"usage"};
  return out;
}

Json block(const std::string& start, std::int64_t input, std::int64_t revision = 1) {
  return Json::object({{"period", "hour"},   {"start_at", start},     {"model", "claude-opus-4-6"}, {"lane", "anthropic"},
                       {"requests", 1},      {"errors", 0},           {"input_tokens", static_cast<long long>(input)},
                       {"output_tokens", 2}, {"cache_read_tokens", 0}, {"cache_write_tokens", 0},
                       {"revision", static_cast<long long>(revision)}});
}

tl::unexpected<Error> down(int retry_after_s = 0) {
  Error error{Errc::plugin_unavailable, "the target is down"};
  error.retry_after_s = retry_after_s;
  return fail(std::move(error));
}

}  // namespace

CCP_EXPORTS_TEST("the tables keep the rules of the schema") {
  for (const auto& violation : ccp::test::schemaViolations(db, ccp::test::schemaExceptions())) FAIL_CHECK(violation);
}

CCP_EXPORTS_TEST("every event goes to every exporter, in the order of its subject, once, and is then forgotten") {
  World world(env);
  const auto hook = world.exporters.add("hook");
  world.subscribe();
  world.emit("license.changed", "lic_1", Json::object({{"state", "active"}}));
  world.emit("license.changed", "lic_1", Json::object({{"state", "grace"}}));
  world.emit("plugin.swapped", "sql", Json::object(), "");
  world.deliver();
  CHECK(world.status().queued == 3);
  auto first = world.sender();
  auto second = world.sender("events", "nod_1", "hook");
  run(first);
  run(second);
  REQUIRE(world.sql->taken.size() == 3);
  std::vector<std::string> states;
  for (const auto& record : world.sql->taken) {
    CHECK(record.org == (record.subject == "sql" ? "" : "org_a"));
    if (record.subject == "lic_1") states.push_back(record.data.strOr("state"));
  }
  CHECK(states == std::vector<std::string>{"active", "grace"});
  CHECK(world.sql->taken[0].sequence == 1);
  CHECK(world.sql->taken[2].sequence == 3);
  CHECK(world.sql->ids() == hook->ids());
  CHECK(world.count("select count(*) from export_queue") == 0);
  CHECK(world.status().last_sequence == 3);
  CHECK(world.status().sent == 3);
  CHECK(world.sql->flushes >= 1);
  run(first);
  CHECK(world.sql->taken.size() == 3);
}

CCP_EXPORTS_TEST("an event that the outbox repeats is queued once") {
  World world(env);
  world.subscribe();
  Queue queue(db, world.licenses, [] {});
  const db::OutboxEvent event{"evt_1", "license.changed", "org_a", "lic_1", env.clock.now(), Json::object(), 1};
  CHECK(queue.take(event));
  CHECK(queue.take(event));
  CHECK(world.status().queued == 1);
}

CCP_EXPORTS_TEST("each accepted rollup is a record, a replaced one a new record, and refused ones are none") {
  World world(env);
  world.subscribe();
  env.clock.advance(*parseRfc3339("2026-11-21T05:30:00Z") - env.clock.now());
  config::Settings settings;
  ccp::test::FakeDecider decider;
  usage::UsageService usage(db, env.clock, env.random, world.licenses, env.metrics, settings, decider);
  const auto send = [&](std::vector<Json> blocks) {
    const auto report = usage.ingest(device("seat_1", "dev_1"), Json::object({{"rollups", Json::array(std::move(blocks))}}));
    REQUIRE(report);
    env.clock.advance(milliseconds(1));
    return report->count(usage::BlockStatus::accepted);
  };
  CHECK(send({block("2026-11-21T03:00:00Z", 10), block("2026-11-21T04:00:00Z", 20), block("2026-11-21T04:30:00Z", 1)}) == 2);
  world.deliver();
  CHECK(send({block("2026-11-21T04:00:00Z", 20)}) == 0);
  CHECK(send({block("2026-11-21T04:00:00Z", 25, 2), block("2026-11-21T02:00:00Z", 5)}) == 2);
  world.deliver();
  auto sender = world.sender("rollups");
  run(sender);
  REQUIRE(world.sql->taken.size() == 4);
  std::vector<std::int64_t> inputs;
  for (const auto& record : world.sql->taken) {
    inputs.push_back(record.data.intOr("input_tokens"));
    CHECK(record.type == "usage.rollup");
    CHECK(record.data.strOr("seat") == "seat_1");
  }
  CHECK(inputs == std::vector<std::int64_t>{10, 20, 5, 25});
  CHECK(world.sql->taken[1].subject == world.sql->taken[3].subject);
  CHECK(world.sql->taken[1].id == world.sql->taken[1].subject + ".1");
  CHECK(world.sql->taken[3].id == world.sql->taken[3].subject + ".2");
}

CCP_EXPORTS_TEST("a block that was replaced before it was queued is exported with its newest numbers, once") {
  World world(env);
  world.subscribe();
  env.clock.advance(*parseRfc3339("2026-11-21T05:30:00Z") - env.clock.now());
  config::Settings settings;
  ccp::test::FakeDecider decider;
  usage::UsageService usage(db, env.clock, env.random, world.licenses, env.metrics, settings, decider);
  for (const std::int64_t revision : {1, 2}) {
    REQUIRE(usage.ingest(device("seat_1", "dev_1"), Json::object({{"rollups", Json::array({block("2026-11-21T03:00:00Z", revision * 10, revision)})}})));
    env.clock.advance(seconds(1));
  }
  world.deliver();
  auto sender = world.sender("rollups");
  run(sender);
  REQUIRE(world.sql->taken.size() == 1);
  CHECK(world.sql->taken[0].data.intOr("input_tokens") == 20);
}

CCP_EXPORTS_TEST("usage of an organization whose tier has become local_only is not exported") {
  World world(env);
  world.subscribe();
  env.clock.advance(*parseRfc3339("2026-11-21T05:30:00Z") - env.clock.now());
  config::Settings settings;
  ccp::test::FakeDecider decider;
  usage::UsageService usage(db, env.clock, env.random, world.licenses, env.metrics, settings, decider);
  REQUIRE(usage.ingest(device("seat_1", "dev_1"), Json::object({{"rollups", Json::array({block("2026-11-21T03:00:00Z", 10)})}})));
  world.licenses.privacy = "local_only";
  world.deliver();
  CHECK(world.status("rollups").queued == 0);
  CHECK(world.status("events").queued == 1);
}

CCP_EXPORTS_TEST("a target that fails is asked again after the schedule, and nothing is lost or reordered") {
  World world(env);
  world.subscribe();
  world.emitMany(3);
  world.sql->write = [](const auto&) { return down(); };
  auto sender = world.sender();
  run(sender);
  CHECK(world.sql->batches == 1);
  auto status = world.status();
  CHECK(status.attempts == 1);
  CHECK(status.last_error == "the target is down");
  CHECK(status.next_attempt_at - env.clock.now() >= seconds(4));
  CHECK(status.next_attempt_at - env.clock.now() <= seconds(6));
  run(sender);
  CHECK(world.sql->batches == 1);  // not before its time
  env.clock.advance(seconds(6));
  run(sender);
  CHECK(world.sql->batches == 2);
  CHECK(world.status().attempts == 2);
  CHECK(world.status().next_attempt_at - env.clock.now() >= minutes(4));
  CHECK(world.sql->keys[0] == world.sql->keys[1]);  // the same batch, so the same idempotency key
  world.sql->write = nullptr;
  env.clock.advance(minutes(6));
  const int opens = world.sql->opens;
  run(sender);
  CHECK(world.sql->opens == opens + 1);  // opened again after a failure
  CHECK(world.sql->ids().size() == 3);
  CHECK(world.sql->taken[2].sequence == 3);
  CHECK(world.status().attempts == 0);
  CHECK(world.status().last_error.empty());
}

CCP_EXPORTS_TEST("a part that was taken is not repeated; the rest waits as long as the target says") {
  World world(env);
  world.subscribe();
  world.emitMany(5);
  world.sql->write = [](const std::vector<plugin::ExportRecord>& records) -> Result<plugin::ExportProgress> {
    Error busy{Errc::rate_limited, "slow down"};
    busy.retry_after_s = 90;
    return plugin::ExportProgress{records[1].sequence, busy};
  };
  auto sender = world.sender();
  run(sender);
  CHECK(world.status().queued == 3);
  CHECK(world.status().last_sequence == 2);
  CHECK(world.status().next_attempt_at == env.clock.now() + seconds(90));
  world.sql->write = nullptr;
  env.clock.advance(seconds(89));
  run(sender);
  CHECK(world.status().queued == 3);
  env.clock.advance(seconds(1));
  run(sender);
  CHECK(world.sql->ids().size() == 5);
  const auto ids = world.sql->ids();
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == 5);
}

CCP_EXPORTS_TEST("a part without a problem means go on at once") {
  World world(env);
  world.subscribe();
  world.emitMany(5);
  world.sql->write = [](const std::vector<plugin::ExportRecord>& records) -> Result<plugin::ExportProgress> {
    return plugin::ExportProgress{records[0].sequence, {}};
  };
  auto sender = world.sender();
  run(sender);
  CHECK(world.sql->ids().size() == 5);
  CHECK(world.sql->batches == 5);
}

CCP_EXPORTS_TEST("what flush did not confirm is sent again") {
  World world(env);
  world.subscribe();
  world.emitMany(2);
  world.sql->flush_fails = down();
  auto sender = world.sender();
  run(sender);
  CHECK(world.status().queued == 2);
  CHECK(world.status().attempts == 1);
  world.sql->flush_fails = {};
  env.clock.advance(seconds(6));
  run(sender);
  CHECK(world.status().queued == 0);
  CHECK(world.sql->taken.size() == 4);  // at least once: the same ids again
  CHECK(world.sql->taken[0].id == world.sql->taken[2].id);
  CHECK(world.sql->taken[0].sequence == world.sql->taken[2].sequence);
}

CCP_EXPORTS_TEST("a target that is gone disables its stream, visibly, until an operator says otherwise") {
  World world(env);
  world.subscribe();
  world.emitMany(2);
  world.sql->write = [](const auto&) -> Result<plugin::ExportProgress> { return fail(Errc::endpoint_gone, "it answered 410"); };
  auto sender = world.sender();
  run(sender);
  CHECK((world.status().state == StreamState::disabled));
  CHECK(world.status().last_error == "it answered 410");
  CHECK(world.count("select count(*) from audit_log where action = 'export.disable' and subject = 'sql/events'") == 1);
  CHECK(world.count("select count(*) from outbox where type = 'export.disabled'") == 1);
  env.clock.advance(hours(48));
  run(sender);
  CHECK(world.sql->batches == 1);
  REQUIRE(world.feature.worker().registerLanes());  // as the worker does every ten minutes
  // What happens meanwhile waits; the other stream goes on.
  world.deliver();
  CHECK(world.status().queued == 3);
  CHECK((world.status("rollups").state == StreamState::active));

  world.sql->write = nullptr;
  const auto resumed = world.feature.retry({"sql", "events"}, "operator");
  REQUIRE(resumed);
  CHECK((resumed->status.state == StreamState::active));
  CHECK(resumed->configured);
  run(sender);
  CHECK(world.sql->ids().size() == 3);
  CHECK(world.count("select count(*) from audit_log where action = 'export.retry'") == 1);
  CHECK(world.count("select count(*) from outbox where type = 'export.resumed'") == 1);
  CHECK(world.feature.retry({"sql", "nothing"}, "operator").error().code == Errc::not_found);
}

CCP_EXPORTS_TEST("a stream that the exporter does not take is not queued for it, and it is asked again") {
  World world(env);
  world.sql->streams = {"rollups"};
  world.subscribe();
  world.emitMany(2);
  CHECK(world.status().queued == 2);
  auto sender = world.sender();
  run(sender);
  CHECK((world.status().state == StreamState::declined));
  CHECK(world.status().queued == 0);
  world.emitMany(1);
  CHECK(world.status().queued == 0);
  CHECK(world.sql->batches == 0);
  const int opens = world.sql->opens;
  run(sender);
  CHECK(world.sql->opens == opens);
  world.sql->streams = {"events"};
  env.clock.advance(minutes(2));
  run(sender);
  CHECK((world.status().state == StreamState::active));
  world.emitMany(1);
  run(sender);
  CHECK(world.sql->ids().size() == 1);
}

CCP_EXPORTS_TEST("two nodes never send the same stream at once, and a dead node's lease ends") {
  World world(env);
  world.subscribe();
  world.emitMany(3);
  auto first = world.sender("events", "nod_1");
  auto second = world.sender("events", "nod_2");
  bool asked = false;
  world.sql->slow = [&] {
    if (std::exchange(asked, true)) return;
    // The other node in the middle of this one's batch: its lease holds.
    const auto other = db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
      return repository::take(tx, {"sql", "events"}, "nod_2", tx.now() + Sender::kLease).has_value();
    });
    CHECK(other.value() == false);
  };
  run(first);
  CHECK(asked);
  CHECK(world.sql->ids().size() == 3);

  world.emitMany(1);
  const auto taken = db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
    return repository::take(tx, {"sql", "events"}, "nod_dead", tx.now() + Sender::kLease).has_value();
  });
  CHECK(taken.value());
  run(second);
  CHECK(world.sql->ids().size() == 3);
  env.clock.advance(Sender::kLease);
  run(second);
  CHECK(world.sql->ids().size() == 4);
}

CCP_EXPORTS_TEST("a record that commits late, with an older position, is sent all the same") {
  World world(env);
  world.subscribe();
  world.emitMany(2);
  auto sender = world.sender();
  run(sender);
  REQUIRE(world.status().last_sequence == 2);
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    repository::append(tx, {"sql", "events"}, {{"org_a", "evt_late", "test.happened", "s", env.clock.now(), Json::object()}});
    tx.exec("update export_queue set position = 0 where record_id = 'evt_late'");
    return {};
  }));
  run(sender);
  CHECK(world.sql->ids().back() == "evt_late");
  CHECK(world.sql->taken.back().sequence == 3);
}

CCP_EXPORTS_TEST("a batch is bounded, and a long queue empties in many") {
  World world(env);
  world.subscribe();
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    std::vector<NewRecord> records;
    for (int i = 0; i < 1234; ++i) {
      records.push_back({"org_a", "evt_" + std::to_string(i), "t", "s", tx.now(), Json::object({{"n", i}})});
    }
    repository::append(tx, {"sql", "events"}, records);
    std::vector<NewRecord> large;
    for (int i = 0; i < 5; ++i) large.push_back({"org_a", "evt_large" + std::to_string(i), "t", "s", tx.now(), Json::object({{"x", std::string(400'000, 'x')}})});
    repository::append(tx, {"sql", "events"}, large);
    return {};
  }));
  std::vector<std::size_t> sizes;
  world.sql->write = [&](const std::vector<plugin::ExportRecord>& records) -> Result<plugin::ExportProgress> {
    sizes.push_back(records.size());
    return plugin::ExportProgress{records.back().sequence, {}};
  };
  auto sender = world.sender();
  run(sender);
  REQUIRE(world.sql->taken.size() == 1239);
  for (std::size_t i = 0; i < 1234; ++i) {
    if (world.sql->taken[i].data.intOr("n", -1) != static_cast<std::int64_t>(i)) FAIL("out of order at " << i);
  }
  CHECK(sizes.size() == 5);
  CHECK(sizes.front() == kMaxRecords);
  CHECK(sizes.back() == 1);
}

CCP_EXPORTS_TEST("a restart in the middle repeats what was not acknowledged, with the same ids and sequences") {
  World world(env);
  world.subscribe();
  world.emitMany(3);
  const auto batch = db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<Batch>> {
    return repository::take(tx, {"sql", "events"}, "nod_1", tx.now() + Sender::kLease);
  });
  std::vector<plugin::ExportRecord> records;
  for (const auto& row : (*batch)->rows) records.push_back(row.record);
  REQUIRE(world.sql->writeBatch({}, "events", records));  // the target has it, and then this node dies
  const auto before = world.sql->taken;
  world.sql->taken.clear();
  env.reopen();
  env.clock.advance(Sender::kLease);
  Sender again({env.db(), env.clock, env.random, env.metrics, world.exporters}, {"sql", "events"}, "nod_2");
  run(again);
  REQUIRE(world.sql->taken.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    CHECK(world.sql->taken[i].id == before[i].id);
    CHECK(world.sql->taken[i].sequence == before[i].sequence);
  }
}

CCP_EXPORTS_TEST("an exporter that left the configuration gets nothing more after a day, and its rest can be dropped") {
  World world(env);
  world.subscribe();
  world.emitMany(2);
  {
    const std::lock_guard lock(world.exporters.mutex);
    world.exporters.list.clear();
  }
  env.clock.advance(hours(1));
  world.emitMany(1);
  CHECK(world.status().queued == 3);  // it may come back
  env.clock.advance(hours(25));
  world.emitMany(1);
  CHECK(world.status().queued == 3);
  const auto lanes = world.feature.list();
  REQUIRE(lanes);
  CHECK_FALSE(lanes->front().configured);
  CHECK(world.feature.discard({"sql", "events"}, "the warehouse moved", "operator").value() == 3);
  CHECK(world.count("select count(*) from export_streams where stream = 'events'") == 0);
  CHECK(world.count("select count(*) from audit_log where action = 'export.discard' and reason = 'the warehouse moved'") == 1);
  CHECK(world.feature.discard({"sql", "events"}, "again", "operator").error().code == Errc::not_found);
}

CCP_EXPORTS_TEST("the worker sends what is queued, and closes what it opened") {
  World world(env);
  world.subscribe();
  world.feature.worker().start();
  world.emitMany(3);
  for (int i = 0; i < 500 && world.sql->ids().size() < 3; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(world.sql->ids().size() == 3);
  const auto hook = world.exporters.add("hook");  // appears while the worker runs
  for (int i = 0; i < 500 && hook->opened() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  world.emitMany(1);
  for (int i = 0; i < 500 && hook->ids().empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(hook->ids().size() == 1);
  world.feature.worker().stop();
  CHECK(world.sql->closes >= 1);
  CHECK_FALSE(world.sql->overlapped);
  CHECK(env.metrics.counter("ccp_export_records_total", "", {{"instance", "sql"}, {"stream", "events"}}).value() == 4);
}
