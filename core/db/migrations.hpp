// A feature's SQL migrations, embedded at build time from its migrations/*.sql (cmake/CcpTargets).
#pragma once

#include <string_view>
#include <vector>

namespace ccp::db {

struct Migration {
  std::string_view name;  ///< file name without extension: 001_init
  std::string_view sql;   ///< statements separated by ';', valid on SQLite and PostgreSQL
};

struct MigrationSet {
  std::string_view feature;
  std::vector<Migration> migrations;
};

/// core/db/migrations/*.sql: outbox, audit, kv, state.
extern const MigrationSet kMigrations;

}  // namespace ccp::db
