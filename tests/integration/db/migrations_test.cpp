// Migrations on both databases: forward, refusals, several nodes at once, row-level security.
#include <atomic>
#include <thread>

#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::db;

namespace {

constexpr std::string_view kFirst = "create table things (org_id text not null, id text not null, primary key (org_id, id))";
constexpr std::string_view kSecond =
    "-- a comment; with a semicolon\n"
    "alter table things add column note text not null default 'it''s; fine';\n"
    "insert into things (org_id, id) values ('org_a', 'x')";

const MigrationSet kOne{"things", {{"001_init", kFirst}}};
const MigrationSet kTwo{"things", {{"001_init", kFirst}, {"002_note", kSecond}}};

std::int64_t applied(Db& db) {
  return *db.read(Scope::system(), [](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("select count(*) from schema_migrations"));
  });
}

}  // namespace

CCP_DB_TEST("migrations go forward once, statement by statement", &kOne) {
  CHECK(applied(db) == 2);  // core/db's and ours
  REQUIRE(db.migrate({&kTwo}));
  CHECK(applied(db) == 3);
  REQUIRE(db.migrate({&kTwo}));
  CHECK(applied(db) == 3);
  CHECK(*db.read(Scope::org("org_a"), [](Tx& tx) -> Result<std::string> {
    return std::get<0>(*tx.one<std::string>("select note from things where id = 'x'"));
  }) == "it's; fine");
}

CCP_DB_TEST("a newer database, a changed text and a gap are refused with the next step", &kTwo) {
  const MigrationSet changed{"things", {{"001_init", "create table other (id text)"}, {"002_note", kSecond}}};
  const MigrationSet gap{"things", {{"000_before", "create table before (id text)"}, {"001_init", kFirst}, {"002_note", kSecond}}};
  const struct {
    std::vector<const MigrationSet*> sets;
    const char* says;
  } cases[] = {{{&kOne}, "newer than the program"},
               {{}, "newer than the program"},
               {{&changed}, "another text"},
               {{&gap}, "not the earlier"}};
  for (const auto& c : cases) {
    const auto status = db.migrate(c.sets);
    REQUIRE_FALSE(status);
    CHECK(status.error().code == Errc::store_error);
    CHECK(status.error().detail.find(c.says) != std::string::npos);
  }
  CHECK(applied(db) == 3);
}

CCP_DB_TEST("a migration that fails leaves nothing behind", &kOne) {
  const MigrationSet broken{"things", {{"001_init", kFirst}, {"002_bad", "create table half (id text); insert into absent values (1)"}}};
  CHECK_FALSE(db.migrate({&broken}));
  CHECK(applied(db) == 2);
  CHECK_FALSE(db.read(Scope::system(), [](Tx& tx) -> Status {
    tx.query<std::string>("select id from half");
    return {};
  }));
  CHECK(db.migrate({&kTwo}));
}

CCP_DB_TEST("three nodes that start at once migrate once", &kOne) {
  std::vector<std::unique_ptr<Db>> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back(env.openAnother());
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (auto& node : nodes) {
    threads.emplace_back([&] {
      if (!node->migrate({&kTwo})) ++failures;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(applied(db) == 3);
}

TEST_CASE("three nodes that start at once on an empty database migrate once") {
  for (const auto dialect : {Dialect::sqlite, Dialect::postgresql}) {
    test::FakeClock clock;
    SystemRandom random;
    Metrics metrics;
    test::TempDir dir;
    Options options;
    test::PgCluster::Database database;
    if (dialect == Dialect::sqlite) {
      options.url = "sqlite://" + dir.path() + "/fresh.db";
    } else {
      database = test::PgCluster::instance().createDatabase();
      options.url = database.url;
    }
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        auto node = Db::open(options, clock, random, metrics);
        if (!node || !(*node)->migrate({&kTwo})) ++failures;
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    if (dialect == Dialect::postgresql) test::PgCluster::instance().dropDatabase(database);
  }
}

TEST_CASE("a table that comes later is guarded as well (PostgreSQL)") {
  test::TempDb env(Dialect::postgresql, {&kOne});
  const MigrationSet later{"later", {{"001_init", "create table later (org_id text not null, id text not null, primary key (org_id, id))"}}};
  REQUIRE(env.db().migrate({&kOne, &later}));
  REQUIRE(env.db().write(Scope::org("org_b"), [](Tx& tx) -> Status {
    tx.exec("insert into later (org_id, id) values ('org_b', '1')");
    return {};
  }));
  CHECK(*env.db().read(Scope::org("org_a"), [](Tx& tx) -> Result<std::int64_t> {
    return std::get<0>(*tx.one<std::int64_t>("select count(*) from later"));
  }) == 0);
}
