// Delivery of events: order, retries, leases, several nodes.
#include "core/db/outbox.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

void emit(Db& db, std::string subject, int n, std::string type = "seat.claimed") {
  REQUIRE(db.write(Scope::org("org_a"), [&](Tx& tx) -> Status {
    tx.emit({type, "", subject, Json::object({{"n", n}})});
    return {};
  }));
}

std::int64_t pending(Db& db) {
  return *db.read(Scope::system(), [](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("select count(*) from outbox"));
  });
}

}  // namespace

CCP_DB_TEST("events arrive once, in order per subject, with everything they carried") {
  OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  std::map<std::string, std::vector<std::int64_t>> seen;
  dispatcher.subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
    CHECK(isId(event.id, "evt"));
    CHECK(event.org == "org_a");
    CHECK(event.type == "seat.claimed");
    CHECK(event.at == env.clock.now());
    CHECK(event.attempt == 1);
    seen[event.subject].push_back(event.data.intOr("n", -1));
    return {};
  });
  for (int n = 0; n < 30; ++n) emit(db, "seat_" + std::to_string(n % 3), n);
  CHECK(dispatcher.drainOnce() == 30);
  CHECK(dispatcher.drainOnce() == 0);
  CHECK(pending(db) == 0);
  REQUIRE(seen.size() == 3);
  CHECK(seen["seat_1"] == std::vector<std::int64_t>{1, 4, 7, 10, 13, 16, 19, 22, 25, 28});
}

CCP_DB_TEST("several events of one unit of work keep their order") {
  REQUIRE(db.write(Scope::org("org_a"), [](Tx& tx) -> Status {
    for (int n = 0; n < 10; ++n) tx.emit({"license.changed", "", "lic_1", Json::object({{"n", n}})});
    return {};
  }));
  std::vector<std::int64_t> seen;
  OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  dispatcher.subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
    seen.push_back(event.data.intOr("n", -1));
    return {};
  });
  CHECK(dispatcher.drainOnce() == 10);
  CHECK(seen == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

CCP_DB_TEST("a failure holds back its own subject only, and is tried again with growing waits") {
  OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  std::vector<std::string> seen;
  int failures_left = 3;
  std::vector<int> attempts;
  dispatcher.subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
    if (event.data.intOr("n", 0) == 1) {
      attempts.push_back(event.attempt);
      if (failures_left-- > 0) return fail(Errc::unavailable, "not now");
    }
    seen.push_back(event.subject + std::to_string(event.data.intOr("n", 0)));
    return {};
  });
  emit(db, "a", 1);
  emit(db, "a", 2);
  emit(db, "b", 3);
  CHECK(dispatcher.drainOnce() == 1);
  CHECK(seen == std::vector<std::string>{"b3"});
  CHECK(dispatcher.drainOnce() == 0);  // not due yet
  env.clock.advance(seconds(1));
  CHECK(dispatcher.drainOnce() == 0);  // second failure
  env.clock.advance(seconds(1));
  CHECK(dispatcher.drainOnce() == 0);  // the wait is 2 s now
  CHECK(attempts == std::vector<int>{1, 2});
  env.clock.advance(seconds(1));
  CHECK(dispatcher.drainOnce() == 0);  // third failure
  env.clock.advance(seconds(4));
  CHECK(dispatcher.drainOnce() == 2);
  CHECK(seen == std::vector<std::string>{"b3", "a1", "a2"});
  CHECK(attempts == std::vector<int>{1, 2, 3, 4});
  CHECK(env.metrics.counter("ccp_outbox_failures_total", "", {{"subscriber", "test"}}).value() == 3);
  CHECK(pending(db) == 0);
}

CCP_DB_TEST("a subscriber that has the event is not asked again because another one failed") {
  OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  int good = 0;
  int bad = 0;
  int other_type = 0;
  dispatcher.subscribe("good", {"seat.claimed"}, [&](const OutboxEvent&) -> Status {
    ++good;
    return {};
  });
  dispatcher.subscribe("bad", {"seat.claimed", "seat.revoked"}, [&](const OutboxEvent&) -> Status {
    if (++bad == 1) throw std::runtime_error("thrown, not returned");
    return {};
  });
  dispatcher.subscribe("other", {"plugin.failed"}, [&](const OutboxEvent&) -> Status {
    ++other_type;
    return {};
  });
  emit(db, "a", 1);
  CHECK(dispatcher.drainOnce() == 0);
  env.clock.advance(seconds(10));
  CHECK(dispatcher.drainOnce() == 1);
  CHECK(good == 1);
  CHECK(bad == 2);
  CHECK(other_type == 0);
}

CCP_DB_TEST("a claim of a node that died is taken over when its lease ends, not before") {
  auto other_db = env.openAnother();
  OutboxDispatcher second(*other_db, env.clock, env.metrics);
  std::vector<int> attempts;
  second.subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
    attempts.push_back(event.attempt);
    return {};
  });
  int delivered_by_first = 0;
  {
    OutboxDispatcher first(db, env.clock, env.metrics);
    first.subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
      if (event.data.intOr("n", 0) == 1) {
        // The node hangs here: the other one sees nothing to do until the lease is over.
        env.clock.advance(seconds(59));
        CHECK(second.drainOnce() == 0);
        env.clock.advance(seconds(2));
        CHECK(second.drainOnce() == 2);
      }
      ++delivered_by_first;
      return {};
    });
    emit(db, "a", 1);
    emit(db, "b", 2);
    CHECK(first.drainOnce());
  }
  CHECK(attempts == std::vector<int>{2, 2});
  // The slow node finished what it had in hand (at least once), and did not start what it had lost.
  CHECK(delivered_by_first == 1);
  CHECK(pending(db) == 0);
}

CCP_DB_TEST("the only node takes over at once what it had claimed before it died") {
  emit(db, "a", 1);
  REQUIRE(db.write(Scope::system(), [&](Tx& tx) -> Status {
    tx.exec("update outbox set claimed_by = 'nod_dead', attempt = 1, due_at = :end", {{"end", tx.now() + seconds(60)}});
    return {};
  }));
  OutboxDispatcher again(db, env.clock, env.metrics);
  int seen = 0;
  again.subscribe("test", {}, [&](const OutboxEvent&) -> Status {
    ++seen;
    return {};
  });
  CHECK(again.drainOnce() == 0);
  CHECK(again.takeOver());
  CHECK(again.drainOnce() == 1);
  CHECK(seen == 1);
  CHECK(pending(db) == 0);
}

CCP_DB_TEST("several nodes deliver everything, nothing twice, in order") {
  constexpr int kNodes = 3;
  constexpr int kSubjects = 12;
  constexpr int kEach = 10;
  std::mutex mutex;
  std::map<std::string, std::vector<std::int64_t>> seen;
  std::vector<std::unique_ptr<Db>> nodes;
  std::vector<std::unique_ptr<OutboxDispatcher>> dispatchers;
  std::condition_variable changed;
  int total = 0;
  for (int i = 0; i < kNodes; ++i) {
    nodes.push_back(env.openAnother());
    dispatchers.push_back(std::make_unique<OutboxDispatcher>(*nodes.back(), env.clock, env.metrics));
    dispatchers.back()->subscribe("test", {}, [&](const OutboxEvent& event) -> Status {
      std::lock_guard lock(mutex);
      seen[event.subject].push_back(event.data.intOr("n", -1));
      ++total;
      changed.notify_all();
      return {};
    });
    dispatchers.back()->start();
  }
  for (int n = 0; n < kEach; ++n) {
    for (int s = 0; s < kSubjects; ++s) emit(*nodes[static_cast<std::size_t>(s % kNodes)], "s" + std::to_string(s), n);
  }
  {
    std::unique_lock lock(mutex);
    CHECK(changed.wait_for(lock, std::chrono::seconds(30), [&] { return total >= kSubjects * kEach; }));
  }
  for (auto& dispatcher : dispatchers) dispatcher->stop();
  CHECK(total == kSubjects * kEach);
  for (const auto& [subject, numbers] : seen) {
    CHECK(numbers == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
  CHECK(pending(db) == 0);
}

CCP_DB_TEST("the worker is woken by a commit") {
  OutboxDispatcher dispatcher(db, env.clock, env.metrics);
  std::mutex mutex;
  std::condition_variable changed;
  int seen = 0;
  dispatcher.subscribe("test", {}, [&](const OutboxEvent&) -> Status {
    std::lock_guard lock(mutex);
    ++seen;
    changed.notify_all();
    return {};
  });
  dispatcher.start();
  for (int n = 1; n <= 5; ++n) {
    emit(db, "a", n);
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(10), [&] { return seen == n; }));
  }
  dispatcher.stop();
  CHECK(pending(db) == 0);
}
