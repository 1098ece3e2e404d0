#include "tests/support/temp_db.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "core/base/log.hpp"

namespace ccp::test {
namespace {

std::unique_ptr<db::Db> openOrThrow(const db::Options& options, TempDb& env) {
  auto opened = db::Db::open(options, env.clock, env.random, env.metrics);
  if (!opened) throw std::runtime_error("opening " + options.url + ": " + opened.error().text());
  return std::move(*opened);
}

}  // namespace

TempDb::TempDb(db::Dialect dialect, std::vector<const db::MigrationSet*> sets,
               const std::function<void(db::Options&)>& tune)
    : dialect_(dialect) {
  if (std::getenv("CCP_TEST_LOG") == nullptr) log::setLevel(log::Level::error);
  if (dialect == db::Dialect::postgresql) {
    database_ = PgCluster::instance().createDatabase();
    options_.url = database_.url;
  } else {
    options_.url = "sqlite://" + dir_.path() + "/ccp.db";
  }
  if (tune) tune(options_);
  db_ = openOrThrow(options_, *this);
  if (auto migrated = db_->migrate(sets); !migrated) {
    throw std::runtime_error("migrating " + options_.url + ": " + migrated.error().text());
  }
}

TempDb::~TempDb() {
  db_.reset();
  if (dialect_ == db::Dialect::postgresql) PgCluster::instance().dropDatabase(database_);
}

std::unique_ptr<db::Db> TempDb::openAnother() { return openOrThrow(options_, *this); }

void TempDb::reopen() {
  close();
  db_ = openOrThrow(options_, *this);
}

void TempDb::close() { db_.reset(); }

void TempDb::breakConnections() {
  if (dialect_ == db::Dialect::postgresql) PgCluster::instance().terminateConnections(database_);
}

}  // namespace ccp::test
