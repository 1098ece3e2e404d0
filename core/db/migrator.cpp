#include "core/db/migrator.hpp"

#include <algorithm>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"
#include "core/db/sql_split.hpp"

namespace ccp::db {
namespace {

/// Any constant: the key of the advisory lock that migrating nodes take.
constexpr std::int64_t kMigrationLock = 0x63637001;

constexpr std::string_view kPolicy =
    "current_setting('ccp.scope', true) = 'system' or org_id = current_setting('ccp.org', true)";

/// Row-level security as the second wall behind Scope: on every table with an org_id that lacks it.
void applyRowSecurity(Tx& tx) {
  const auto tables = tx.query<std::string>(
      "select quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
      "join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped "
      "where n.nspname = current_schema() and c.relkind in ('r', 'p') "
      "and not (c.relrowsecurity and c.relforcerowsecurity "
      "and exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = 'ccp_org')) order by 1");
  for (const auto& [table] : tables) {
    tx.exec("alter table " + table + " enable row level security");
    tx.exec("alter table " + table + " force row level security");
    tx.exec("drop policy if exists ccp_org on " + table);
    tx.exec("create policy ccp_org on " + table + " using (" + std::string(kPolicy) + ") with check (" +
            std::string(kPolicy) + ")");
  }
}

}  // namespace

Result<std::vector<PlannedMigration>> planMigrations(const std::vector<AppliedMigration>& applied,
                                                     const std::vector<const MigrationSet*>& sets) {
  std::vector<PlannedMigration> plan;
  for (const auto& row : applied) {
    const auto set = std::find_if(sets.begin(), sets.end(), [&](auto* s) { return s->feature == row.feature; });
    const bool known =
        set != sets.end() && std::any_of((*set)->migrations.begin(), (*set)->migrations.end(),
                                         [&](const Migration& m) { return m.name == row.name; });
    if (!known) {
      return fail(Errc::store_error, "the database has migration " + row.feature + "/" + row.name +
                                         ", which this program does not know: the database is newer than the "
                                         "program. Start the newer version, or restore a backup from before its upgrade");
    }
  }
  for (const auto* set : sets) {
    std::string missing;
    for (const auto& migration : set->migrations) {
      const std::string hash = sha256Hex(migration.sql);
      const auto row = std::find_if(applied.begin(), applied.end(), [&](const AppliedMigration& a) {
        return a.feature == set->feature && a.name == migration.name;
      });
      const std::string id = std::string(set->feature) + "/" + std::string(migration.name);
      if (row == applied.end()) {
        missing = id;
        plan.push_back({set->feature, migration, hash});
      } else if (!missing.empty()) {
        return fail(Errc::store_error, "the database has migration " + id + " but not the earlier " + missing +
                                           ". Restore a backup, or apply the missing one by hand and record it");
      } else if (row->sha256 != hash) {
        return fail(Errc::store_error, "migration " + id +
                                           " was applied with another text than this program has. Applied migrations "
                                           "never change: start the version that applied it, or add a new migration");
      }
    }
  }
  return plan;
}

Status applyMigrations(Tx& tx, std::vector<const MigrationSet*> sets) {
  std::erase(sets, &kMigrations);
  sets.insert(sets.begin(), &kMigrations);
  const bool postgresql = tx.dialect() == Dialect::postgresql;
  if (postgresql) {
    tx.exec("set local statement_timeout = 0");
    tx.exec("set local lock_timeout = 0");
    tx.exec("select pg_advisory_xact_lock(" + std::to_string(kMigrationLock) + ")");
  }
  tx.exec(
      "create table if not exists schema_migrations (feature text not null, name text not null, sha256 text not null, "
      "applied_at bigint not null, primary key (feature, name))");
  std::vector<AppliedMigration> applied;
  for (auto& [feature, name, hash] : tx.query<std::string, std::string, std::string>(
           "select feature, name, sha256 from schema_migrations order by feature, name")) {
    applied.push_back({feature, name, hash});
  }
  CCP_TRY(const auto plan, planMigrations(applied, sets));
  for (const auto& step : plan) {
    CCP_TRY(const auto statements, splitStatements(step.migration.sql));
    for (const auto& statement : statements) tx.exec(statement);
    tx.exec("insert into schema_migrations (feature, name, sha256, applied_at) values (:feature, :name, :sha, :at)",
            {{"feature", step.feature}, {"name", step.migration.name}, {"sha", step.sha256}, {"at", tx.now()}});
    log::info("db.migrated", {{"feature", step.feature}, {"name", step.migration.name}});
  }
  if (postgresql) {
    tx.exec("create sequence if not exists outbox_position");
    applyRowSecurity(tx);
  }
  return {};
}

}  // namespace ccp::db
