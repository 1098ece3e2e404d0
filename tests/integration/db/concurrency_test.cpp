// Many units of work at once: group commit, isolation of failures, serialisability, overload.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

const MigrationSet kCounters{"counters",
                             {{"001_init",
                               "create table counters (org_id text not null, id text not null, n bigint not null, "
                               "primary key (org_id, id));"
                               "create table marks (org_id text not null, id text not null, primary key (org_id, id))"}}};
const auto kOrg = Scope::org("org_a");

std::int64_t number(Db& db, std::string_view sql) {
  return *db.read(Scope::system(), [&](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>(sql));
  });
}

Status mark(Tx& tx, const std::string& id) {
  tx.exec("insert into marks (org_id, id) values ('org_a', :id)", {{"id", id}});
  return {};
}

/// Occupies SQLite's writer until it is released, so that a test decides what waits behind it.
class Gate {
 public:
  explicit Gate(Db& db) : thread_([this, &db] {
    CHECK(db.write(Scope::system(), [this](Tx&) -> Status {
      std::unique_lock lock(mutex_);
      inside_ = true;
      changed_.notify_all();
      changed_.wait(lock, [&] { return open_; });
      return {};
    }));
  }) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_; });
  }
  void open() {
    {
      std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  ~Gate() {
    open();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool inside_ = false;
  bool open_ = false;
  std::thread thread_;
};

bool waitUntil(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

CCP_DB_TEST("read-then-write units of work behave as if they ran one after another", &kCounters) {
  REQUIRE(db.write(kOrg, [](Tx& tx) -> Status {
    tx.exec("insert into counters (org_id, id, n) values ('org_a', 'c', 0)");
    return {};
  }));
  constexpr int kThreads = 6;
  constexpr int kEach = 15;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const auto status = db.write(kOrg, [](Tx& tx) -> Status {
          const auto n = std::get<0>(*tx.one<std::int64_t>("select n from counters where id = 'c'"));
          tx.exec("update counters set n = :n where id = 'c'", {{"n", n + 1}});
          return {};
        });
        if (!status) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(number(db, "select n from counters") == kThreads * kEach);
  // Contention costs retries, but nobody starves.
  CHECK(env.metrics.counter("ccp_db_retries_total", "").value() < kThreads * kEach * 10);
}

CCP_DB_TEST("a limit holds although each unit of work only counts rows (write skew)", &kCounters) {
  constexpr int kLimit = 5;
  std::atomic<int> accepted{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      const auto status = db.write(kOrg, [&](Tx& tx) -> Status {
        if (std::get<0>(*tx.one<std::int64_t>("select count(*) from marks")) >= kLimit) return fail(Errc::device_limit);
        return mark(tx, std::to_string(t));
      });
      if (status) ++accepted;
      else if (status.error().code == Errc::device_limit) ++refused;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(accepted == kLimit);
  CHECK(refused == 12 - kLimit);
  CHECK(number(db, "select count(*) from marks") == kLimit);
}

CCP_DB_TEST("failures among concurrent writes undo themselves only", &kCounters) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const bool good = (t + i) % 3 != 0;
        const auto status = db.writeReadCommitted(kOrg, [&](Tx& tx) -> Status {
          CCP_CHECK_OK(mark(tx, std::to_string(t) + "-" + std::to_string(i)));
          if (!good) return fail(Errc::forbidden);
          return {};
        });
        if (status.has_value() != good) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  std::int64_t expected = 0;
  for (int t = 0; t < 16; ++t) {
    for (int i = 0; i < 10; ++i) expected += (t + i) % 3 != 0 ? 1 : 0;
  }
  CHECK(number(db, "select count(*) from marks") == expected);
}

TEST_CASE("writes that wait are committed together, a savepoint each (SQLite)") {
  test::TempDb env(Dialect::sqlite, {&kCounters});
  Db& db = env.db();
  constexpr int kWaiting = 40;
  std::vector<std::thread> threads;
  std::vector<Status> results(kWaiting);
  const auto depth = [&] { return env.metrics.gauge("ccp_db_queue_depth", "").value(); };
  {
    Gate gate(db);
    for (int t = 0; t < kWaiting; ++t) {
      threads.emplace_back([&, t] {
        results[static_cast<std::size_t>(t)] = db.write(kOrg, [&](Tx& tx) -> Status {
          CCP_CHECK_OK(mark(tx, std::to_string(t)));
          if (t % 4 == 0) tx.exec("insert into marks (org_id, id) values ('org_a', :id)", {{"id", std::to_string(t)}});
          return {};
        });
      });
    }
    CHECK(waitUntil([&] { return depth() == kWaiting; }));
  }
  for (auto& thread : threads) thread.join();
  for (int t = 0; t < kWaiting; ++t) CHECK(results[static_cast<std::size_t>(t)].has_value() == (t % 4 != 0));
  CHECK(number(db, "select count(*) from marks") == kWaiting * 3 / 4);
  // Three commits only: the migration, the gate, and one for all that waited.
  CHECK(env.metrics.text().find("ccp_db_commit_batch_count 3") != std::string::npos);
  CHECK(env.metrics.text().find("ccp_db_commit_batch_sum 42") != std::string::npos);
}

TEST_CASE("a deferred constraint at the commit fails its own unit of work only (SQLite)") {
  const MigrationSet deferred{"deferred",
                              {{"001_init",
                                "create table parents (org_id text not null, id text not null, primary key (org_id, id));"
                                "create table children (org_id text not null, id text not null, parent text not null, "
                                "primary key (org_id, id), foreign key (org_id, parent) references parents (org_id, id) "
                                "deferrable initially deferred)"}}};
  test::TempDb env(Dialect::sqlite, {&deferred});
  Db& db = env.db();
  Status bad;
  Status good;
  std::thread first;
  std::thread second;
  {
    Gate gate(db);
    first = std::thread([&] {
      bad = db.write(kOrg, [](Tx& tx) -> Status {
        tx.exec("insert into children (org_id, id, parent) values ('org_a', 'c', 'nobody')");
        return {};
      });
    });
    second = std::thread([&] {
      good = db.write(kOrg, [](Tx& tx) -> Status {
        tx.exec("insert into parents (org_id, id) values ('org_a', 'p')");
        return {};
      });
    });
    CHECK(waitUntil([&] { return env.metrics.gauge("ccp_db_queue_depth", "").value() == 2; }));
  }
  first.join();
  second.join();
  REQUIRE_FALSE(bad);
  CHECK(bad.error().code == Errc::conflict);
  CHECK(good);
  CHECK(number(db, "select count(*) from parents") == 1);
  CHECK(number(db, "select count(*) from children") == 0);
}

TEST_CASE("a full queue refuses at once and says when to come back (SQLite)") {
  test::TempDb env(Dialect::sqlite, {&kCounters}, [](Options& o) { o.queue_max = 3; });
  Db& db = env.db();
  std::vector<std::thread> threads;
  {
    Gate gate(db);
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] { CHECK(db.write(kOrg, [&](Tx& tx) { return mark(tx, std::to_string(t)); })); });
    }
    CHECK(waitUntil([&] { return env.metrics.gauge("ccp_db_queue_depth", "").value() == 3; }));
    const auto refused = db.write(kOrg, [](Tx& tx) { return mark(tx, "one too many"); });
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::overloaded);
    CHECK(refused.error().retry_after_s > 0);
    CHECK(env.metrics.counter("ccp_db_overloaded_total", "").value() == 1);
  }
  for (auto& thread : threads) thread.join();
  CHECK(number(db, "select count(*) from marks") == 3);
}

TEST_CASE("no free connection in time is an overload, not a hang") {
  for (const auto dialect : {Dialect::sqlite, Dialect::postgresql}) {
    test::TempDb env(dialect, {&kCounters}, [](Options& o) {
      o.readers = 1;
      o.lease_timeout = milliseconds(20);
    });
    Db& db = env.db();
    REQUIRE(db.read(kOrg, [&](Tx&) -> Status {
      std::thread([&] {
        const auto refused = db.read(kOrg, [](Tx&) -> Status { return {}; });
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::overloaded);
        CHECK(refused.error().retry_after_s > 0);
      }).join();
      return {};
    }));
    CHECK(db.read(kOrg, [](Tx&) -> Status { return {}; }));
  }
}

TEST_CASE("close finishes what is queued and refuses what comes later (SQLite)") {
  test::TempDb env(Dialect::sqlite, {&kCounters});
  Db& db = env.db();
  std::vector<std::thread> threads;
  std::thread closer;
  {
    Gate gate(db);
    for (int t = 0; t < 5; ++t) {
      threads.emplace_back([&, t] { CHECK(db.write(kOrg, [&](Tx& tx) { return mark(tx, std::to_string(t)); })); });
    }
    CHECK(waitUntil([&] { return env.metrics.gauge("ccp_db_queue_depth", "").value() == 5; }));
    closer = std::thread([&] { db.close(); });
  }
  for (auto& thread : threads) thread.join();
  closer.join();
  CHECK(db.write(kOrg, [](Tx&) -> Status { return {}; }).error().code == Errc::shutting_down);
  env.reopen();
  CHECK(number(env.db(), "select count(*) from marks") == 5);
}

CCP_DB_TEST("acknowledged writes are there after a restart", &kCounters) {
  for (int i = 0; i < 5; ++i) REQUIRE(db.write(kOrg, [&](Tx& tx) { return mark(tx, std::to_string(i)); }));
  env.reopen();
  CHECK(number(env.db(), "select count(*) from marks") == 5);
}

CCP_DB_TEST("broken connections are replaced without the caller noticing", &kCounters) {
  REQUIRE(db.write(kOrg, [](Tx& tx) { return mark(tx, "before"); }));
  CHECK(number(db, "select count(*) from marks") == 1);
  env.breakConnections();
  CHECK(db.write(kOrg, [](Tx& tx) { return mark(tx, "after"); }));
  CHECK(number(db, "select count(*) from marks") == 2);
}

TEST_CASE("a connection that breaks in the middle fails the unit of work, and the next one works (PostgreSQL)") {
  test::TempDb env(Dialect::postgresql, {&kCounters});
  Db& db = env.db();
  int runs = 0;
  const auto status = db.write(kOrg, [&](Tx& tx) -> Status {
    ++runs;
    CCP_CHECK_OK(mark(tx, "lost"));
    env.breakConnections();
    return mark(tx, "lost too");
  });
  REQUIRE_FALSE(status);
  CHECK(status.error().code == Errc::unavailable);
  CHECK(runs == 1);
  CHECK(number(db, "select count(*) from marks") == 0);
  const auto at_commit = db.write(kOrg, [&](Tx& tx) -> Status {
    CCP_CHECK_OK(mark(tx, "lost"));
    env.breakConnections();
    return {};
  });
  REQUIRE_FALSE(at_commit);
  CHECK(at_commit.error().code == Errc::unavailable);
  CHECK(at_commit.error().detail.find("unknown") != std::string::npos);
  CHECK(db.write(kOrg, [](Tx& tx) { return mark(tx, "kept"); }));
  CHECK(number(db, "select count(*) from marks") == 1);
}

TEST_CASE("writes are durable by setting (both)") {
  test::TempDb lite(Dialect::sqlite);
  CHECK(*lite.db().write(Scope::system(), [](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("pragma synchronous"));
  }) == 2);
  test::TempDb postgres(Dialect::postgresql);
  for (const bool relaxed : {false, true}) {
    const auto show = [](Tx& tx) -> Result<std::string> {
      return std::get<0>(*tx.one<std::string>("show synchronous_commit"));
    };
    CHECK(*(relaxed ? postgres.db().writeReadCommitted(Scope::system(), show)
                    : postgres.db().write(Scope::system(), show)) == "on");
  }
}
