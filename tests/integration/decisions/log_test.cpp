#include <thread>

#include "core/decisions/rules.hpp"
#include "world.hpp"

using namespace ccp;
using namespace ccp::decisions;
using namespace ccp::decisions::test;
using Ids = std::vector<std::string>;

CCP_DB_TEST("a decision is logged with what it read, masked, and is found again", &kMigrations) {
  World w(env);
  const auto id = w.decide("org_a", false);
  w.flush();
  const auto found = w.feature->byId("org_a", id);
  REQUIRE(found);
  CHECK((found->outcome == policy::Verdict::deny));
  CHECK(found->rule == "plan.excludes");
  CHECK(found->reason == "not in the plan");
  CHECK(found->generation == 7);
  CHECK(found->elapsed_us == 12);
  CHECK(found->fuel == 34);
  CHECK(found->memory_peak == 56);
  CHECK((found->origin == policy::Origin::server));
  CHECK(found->packs.size() == 1);
  CHECK(found->fields_read.dump() == R"({"/feature":"dashboards","/subject/email":"[email]"})");
  CHECK_FALSE(found->input_kept);  // the replay store is off unless asked for
  // Whose seat it was can be told within the organization only.
  CHECK(found->seat.size() == 32);
  CHECK(found->seat.find("seat") == std::string::npos);
  const auto other = w.decide("org_b", true);
  const auto again = w.decide("org_a", true);
  w.flush();
  CHECK(w.feature->byId("org_a", again)->seat == found->seat);
  CHECK(w.feature->byId("org_b", other)->seat != found->seat);

  // Another organization's does not exist; the operator sees everybody's.
  CHECK((w.feature->byId("org_b", id).error().code == Errc::not_found));
  CHECK(w.feature->byId(std::nullopt, id));
  CHECK(w.ids("org_a") == Ids{again, id});
  CHECK(w.ids(std::nullopt) == Ids{again, other, id});
}

CCP_DB_TEST("lists are filtered and paged", &kMigrations) {
  World w(env);
  Ids denied;
  Ids all;
  for (int i = 0; i < 20; ++i) {
    all.insert(all.begin(), w.decide("org_a", i % 4 != 0, i % 2 == 0 ? policy::Point::feature_gate : policy::Point::model_use));
    if (i % 4 == 0) denied.insert(denied.begin(), all.front());
  }
  auto fault = w.record("org_a", false);
  fault.decision.verdict = policy::Verdict::timeout;
  const auto faulted = w.take(std::move(fault));
  auto draft = w.record("org_a", false);
  draft.shadow = true;
  const auto drafted = w.take(std::move(draft));
  w.flush();
  Filter filter;
  filter.outcome = "deny";
  CHECK(w.ids("org_a", filter) == denied);
  filter.outcome = "fault";
  CHECK(w.ids("org_a", filter) == Ids{faulted});
  filter = {};
  filter.shadow = true;
  CHECK(w.ids("org_a", filter) == Ids{drafted});
  filter = {};
  filter.point = policy::Point::model_use;
  CHECK(w.ids("org_a", filter).size() == 10);
  filter = {};
  filter.since = env.clock.now() - milliseconds(6);
  CHECK(w.ids("org_a", filter).size() == 6);  // the fault and five; the draft's is not listed

  filter = {};
  filter.limit = 8;
  Ids read;
  for (int page = 0; page < 4; ++page) {
    const auto part = w.feature->list("org_a", filter);
    REQUIRE(part);
    for (const auto& d : part->decisions) read.push_back(d.id);
    filter.cursor = part->next;
    if (part->next.empty()) break;
  }
  all.insert(all.begin(), faulted);
  CHECK(read == all);
}

CCP_DB_TEST("every change of the log shows", &kMigrations) {
  World w(env);
  for (int i = 0; i < 6; ++i) w.decide(i % 2 == 0 ? "org_a" : "org_b", i % 3 == 0);
  w.flush();
  for (int i = 0; i < 4; ++i) w.decide("org_a", true);
  w.flush();
  CHECK(w.verify().broken.empty());
  CHECK(w.verify().records == 10);
  for (const auto& d : w.tap.seen) {
    const auto stored = w.feature->byId(d.org, d.id);
    REQUIRE(stored);
    CHECK(recordJson(*stored).dump() == recordJson(d).dump());
  }
  CHECK(w.verify().chains == 2);
  CHECK(w.verify("org_b").records == 3);

  SUBCASE("a reason is rewritten") {
    w.sql("update policy_decisions set reason = 'nobody' where org_id = 'org_a' and sequence = 3");
    REQUIRE(w.verify().broken.size() == 1);
    CHECK(w.verify().broken.front().find("is not what was written") != std::string::npos);
    CHECK(w.verify("org_b").broken.empty());
  }
  SUBCASE("a record is deleted") {
    w.sql("delete from policy_decisions where org_id = 'org_a' and sequence = 2");
    CHECK(w.verify("org_a").broken.size() == 1);
  }
  SUBCASE("the newest are deleted") {
    w.sql("delete from policy_decisions where org_id = 'org_b' and sequence = 3");
    CHECK(w.verify("org_b").broken.size() == 1);
  }
}

CCP_DB_TEST("the chain goes on over restarts of the writer and other nodes have their own", &kMigrations) {
  {
    World first(env);
    first.decide("org_a", true);
    first.flush();
  }
  World second(env);
  second.decide("org_a", true);
  second.flush();
  CHECK(second.verify().chains == 2);
  CHECK(second.verify().broken.empty());
  // The seat is the same for all nodes.
  const auto page = second.feature->list("org_a", {});
  REQUIRE(page->decisions.size() == 2);
  CHECK(page->decisions[0].seat == page->decisions[1].seat);
}

CCP_DB_TEST("records go when their time has come, and the rest still holds", &kMigrations) {
  Options options;
  options.retention = hours(24);
  options.keep_inputs = true;
  options.input_retention = hours(1);
  World w(env, options);
  for (int i = 0; i < 5; ++i) w.decide("org_a", true);
  w.decide("org_b", true);
  w.flush();
  env.clock.advance(hours(2));
  const auto kept = w.decide("org_a", true);
  w.flush();
  REQUIRE(w.feature->sweep());
  CHECK(w.ids("org_a").size() == 6);
  std::size_t inputs = 0;
  const auto past_decisions = w.feature->past({"operator", {}, {}, 100});
  REQUIRE(past_decisions);
  for (const auto& past : *past_decisions) inputs += past.input.empty() ? 0 : 1;
  CHECK(inputs == 1);

  env.clock.advance(hours(23));
  REQUIRE(w.feature->sweep());
  CHECK(w.ids(std::nullopt) == Ids{kept});
  CHECK(w.verify().broken.empty());
  CHECK(w.verify().records == 1);
  w.sql("delete from policy_decisions where id = '" + kept + "'");
  CHECK(w.verify().broken.size() == 1);
}

CCP_DB_TEST("a chain whose records have all gone goes on", &kMigrations) {
  Options options;
  options.retention = hours(1);
  World w(env, options);
  w.decide("org_a", true);
  w.flush();
  env.clock.advance(hours(2));
  REQUIRE(w.feature->sweep());
  REQUIRE(w.feature->sweep());
  CHECK(w.verify().chains == 0);
  w.decide("org_a", true);
  w.flush();
  CHECK(w.verify().records == 1);
  CHECK(w.verify().broken.empty());
}

CCP_DB_TEST("allows are sampled; denials never are", &kMigrations) {
  Options options;
  options.sample_allow = 0;
  World w(env, options);
  w.decide("org_a", true);
  const auto denied = w.decide("org_a", false);
  w.flush();
  CHECK(w.ids("org_a") == Ids{denied});
  CHECK(w.feature->logStatus().sampled_out == 1);
  CHECK(w.feature->logStatus().written == 1);
}

CCP_DB_TEST("what the queue cannot hold is counted", &kMigrations) {
  Options options;
  options.queue_max = 300;
  World w(env, options);
  constexpr int kMore = 500;
  for (int i = 0; i < kMore; ++i) w.decide("org_a", false);
  const auto status = w.feature->logStatus();
  CHECK(status.queued + status.dropped == kMore);
  CHECK(status.dropped > 0);
  w.flush();
  CHECK(w.feature->logStatus().written == status.queued);
  CHECK(w.verify().broken.empty());
}

CCP_DB_TEST("who looks at the log sees every record once, or the records are not there", &kMigrations) {
  World w(env);
  w.tap.fail_next = 2;
  w.feature->start();
  Ids ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.decide("org_a", false));
  w.flush();
  REQUIRE(w.tap.seen.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(w.tap.seen[i].id == ids[i]);
    CHECK(w.tap.seen[i].digest == w.feature->byId("org_a", ids[i])->digest);
  }
  CHECK(w.verify().broken.empty());
  w.decide("org_a", true);
  w.feature->stop();  // writes what is queued
  CHECK(w.tap.seen.size() == 6);
}

CCP_DB_TEST("many threads decide, one writes, nothing is lost", &kMigrations) {
  World w(env);
  w.feature->start();
  std::vector<policy::DecisionRecord> records;
  for (int i = 0; i < 400; ++i) records.push_back(w.record(i % 2 == 0 ? "org_a" : "org_b", i % 3 == 0));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < records.size(); i += 4) w.feature->sink().take(std::move(records[i]));
    });
  }
  for (auto& thread : threads) thread.join();
  w.flush();
  CHECK(w.verify().records == 400);
  CHECK(w.verify().broken.empty());
  w.feature->stop();
}
