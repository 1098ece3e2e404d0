// A migrated database for one test case, on SQLite (temporary folder) or PostgreSQL (PgCluster), and
// CCP_DB_TEST, which runs one body on both. The body gets `env` (TempDb&) and `db` (db::Db&):
//
//   CCP_DB_TEST("a seat is claimed once", &identity::kMigrations) {
//     CHECK(db.write(db::Scope::org("org_a"), [](db::Tx& tx) -> Status { … }));
//   }
//
// The schema has core/db's tables and those of the sets that are named. Needs doctest. When
// PostgreSQL is missing, the PostgreSQL half fails and says what to install.
// CCP_TEST_LOG=1 shows the log.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/pg_cluster.hpp"
#include "tests/support/temp_dir.hpp"

namespace ccp::test {

class TempDb {
 public:
  /// `tune` may change the options before the database is opened.
  explicit TempDb(db::Dialect dialect, std::vector<const db::MigrationSet*> sets = {},
                  const std::function<void(db::Options&)>& tune = {});
  ~TempDb();
  TempDb(const TempDb&) = delete;
  TempDb& operator=(const TempDb&) = delete;

  db::Db& db() { return *db_; }
  const std::string& url() const noexcept { return options_.url; }
  const db::Options& options() const noexcept { return options_; }
  /// A second Db on the same database: another node.
  std::unique_ptr<db::Db> openAnother();
  /// Closes and opens again, as a restart does.
  void reopen();
  void close();
  /// PostgreSQL: breaks every connection. SQLite has none to break: does nothing.
  void breakConnections();

  FakeClock clock;
  SystemRandom random;
  Metrics metrics;

 private:
  db::Dialect dialect_;
  TempDir dir_;
  PgCluster::Database database_;
  db::Options options_;
  std::unique_ptr<db::Db> db_;
};

}  // namespace ccp::test

#define CCP_DB_TEST(name, ...) CCP_DB_TEST_IMPL(DOCTEST_ANONYMOUS(CCP_DB_TEST_BODY_), name, __VA_ARGS__)
#define CCP_DB_TEST_IMPL(body, name, ...)                                        \
  static void body(ccp::test::TempDb& env, ccp::db::Db& db);                     \
  TEST_CASE(name) {                                                              \
    SUBCASE("sqlite") {                                                          \
      ccp::test::TempDb env(ccp::db::Dialect::sqlite, {__VA_ARGS__});            \
      body(env, env.db());                                                       \
    }                                                                            \
    SUBCASE("postgresql") {                                                      \
      ccp::test::TempDb env(ccp::db::Dialect::postgresql, {__VA_ARGS__});        \
      body(env, env.db());                                                       \
    }                                                                            \
  }                                                                              \
  static void body([[maybe_unused]] ccp::test::TempDb& env, [[maybe_unused]] ccp::db::Db& db)
