#include "tests/support/schema_rules.hpp"

#include <algorithm>
#include <map>

namespace ccp::test {
namespace {

using Names = std::vector<std::string>;

struct ForeignKey {
  std::string target;
  Names from;
  Names to;
};

struct Table {
  Names columns;
  std::map<std::string, std::string> types;
  Names primary_key;
  std::vector<ForeignKey> foreign_keys;
  bool guarded = true;  ///< row-level security enabled and forced, with our policy
};

bool has(const Names& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

std::map<std::string, Table> readSqlite(db::Tx& tx) {
  std::map<std::string, Table> tables;
  for (auto& [name] : tx.query<std::string>("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")) {
    Table& table = tables[name];
    std::map<std::int64_t, std::string> key;
    for (auto& [column, type, pk] : tx.query<std::string, std::string, std::int64_t>(
             "select name, upper(type), pk from pragma_table_info(:table) order by cid", {{"table", name}})) {
      table.columns.push_back(column);
      table.types[column] = type;
      if (pk > 0) key[pk] = column;
    }
    for (auto& [position, column] : key) table.primary_key.push_back(column);
    std::map<std::int64_t, ForeignKey> keys;
    for (auto& [id, target, from, to] : tx.query<std::int64_t, std::string, std::string, std::optional<std::string>>(
             "select id, \"table\", \"from\", \"to\" from pragma_foreign_key_list(:table) order by id, seq", {{"table", name}})) {
      keys[id].target = target;
      keys[id].from.push_back(from);
      keys[id].to.push_back(to.value_or(""));
    }
    for (auto& [id, foreign] : keys) table.foreign_keys.push_back(foreign);
  }
  return tables;
}

std::map<std::string, Table> readPostgres(db::Tx& tx) {
  std::map<std::string, Table> tables;
  for (auto& [name, column, type] : tx.query<std::string, std::string, std::string>(
           "select cast(c.table_name as text), cast(c.column_name as text), upper(cast(c.data_type as text)) "
           "from information_schema.columns c where c.table_schema = current_schema() "
           "order by c.table_name, c.ordinal_position")) {
    tables[name].columns.push_back(column);
    tables[name].types[column] = type;
  }
  constexpr std::string_view kKeys =
      "select cast(c.oid as text), c.relname, coalesce(t.relname, ''), a.attname, coalesce(b.attname, '') "
      "from (select k.oid, k.conrelid, k.confrelid, k.contype, r.relname, unnest(k.conkey) as col, "
      "unnest(coalesce(k.confkey, array_fill(cast(0 as int2), array[cardinality(k.conkey)]))) as target, "
      "generate_subscripts(k.conkey, 1) as pos from pg_constraint k join pg_class r on r.oid = k.conrelid "
      "join pg_namespace n on n.oid = r.relnamespace where n.nspname = current_schema()) c "
      "join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.col "
      "left join pg_class t on t.oid = c.confrelid and c.contype = 'f' "
      "left join pg_attribute b on b.attrelid = c.confrelid and b.attnum = c.target "
      "where c.contype = cast(:kind as \"char\") order by c.oid, c.pos";
  for (auto& [id, name, target, from, to] :
       tx.query<std::string, std::string, std::string, std::string, std::string>(kKeys, {{"kind", "p"}})) {
    tables[name].primary_key.push_back(from);
  }
  std::map<std::string, std::pair<std::string, ForeignKey>> keys;
  for (auto& [id, name, target, from, to] :
       tx.query<std::string, std::string, std::string, std::string, std::string>(kKeys, {{"kind", "f"}})) {
    auto& [owner, foreign] = keys[id];
    owner = name;
    foreign.target = target;
    foreign.from.push_back(from);
    foreign.to.push_back(to);
  }
  for (auto& [id, entry] : keys) tables[entry.first].foreign_keys.push_back(entry.second);
  for (auto& [name, guarded] : tx.query<std::string, std::int64_t>(
           "select c.relname, case when c.relrowsecurity and c.relforcerowsecurity and exists (select 1 from pg_policy p "
           "where p.polrelid = c.oid and p.polname = 'ccp_org') then 1 else 0 end from pg_class c "
           "join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and c.relkind = 'r'")) {
    tables[name].guarded = guarded != 0;
  }
  return tables;
}

}  // namespace

std::vector<SchemaException> schemaExceptions() {
  return {
      {"orgs", "the organizations themselves"},
      {"users", "a person may belong to several organizations"},
      {"signing_keys", "the server's own keys"},
      {"plugins", "installed for the whole server"},
      {"plugin_trust_keys", "whom the whole server trusts to sign plugins"},
      {"plugin_versions", "highest versions of plugins that the whole server ran"},
      {"schema_migrations", "the database's own history"},
      {"webhook_bodies", "belong to rows of webhook_inbox"},
      {"webhook_inbox", "the organization is unknown until the event is attributed"},
      {"kv", "state of plugin instances, which serve every organization"},
      {"export_streams", "exporters serve every organization; their queue carries org_id"},
      {"server_state", "facts of the whole installation"},
      {"nodes", "the server's own processes"},
      {"login_requests", "exist before anybody is known; keyed by the hash of the link"},
      {"browser_sessions", "belong to a person, who may choose among organizations; keyed by the hash of the cookie"},
      {"device_grants", "the organization is unknown until a person approves; keyed by the hash of the device code"},
      {"attempt_counters", "count attempts of unknown callers; keyed by a hash"},
      {"dpop_replays", "proofs are checked before a token is; keyed by a hash"},
  };
}

std::vector<std::string> schemaViolations(db::Db& db, const std::vector<SchemaException>& exceptions) {
  std::vector<std::string> out;
  const auto excused = [&](std::string_view table) {
    return std::any_of(exceptions.begin(), exceptions.end(), [&](const auto& e) { return e.table == table; });
  };
  // System scope: the catalogue belongs to no organization.
  auto read = db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::map<std::string, Table>> {
    return tx.dialect() == db::Dialect::sqlite ? readSqlite(tx) : readPostgres(tx);
  });
  if (!read) return {"the schema cannot be read: " + read.error().text()};
  for (const auto& exception : exceptions) {
    if (exception.reason.empty()) out.push_back("the exception for " + exception.table + " gives no reason");
  }
  for (const auto& [name, table] : *read) {
    const bool tenant = has(table.columns, "org_id");
    if (!excused(name)) {
      if (!tenant) out.push_back(name + " has no org_id and is no stated exception");
      else if (table.primary_key != Names{"org_id", "id"}) out.push_back(name + " does not have the key (org_id, id)");
    }
    if (tenant && !table.guarded) out.push_back(name + " has an org_id but no row-level security");
    for (const auto& [column, type] : table.types) {
      if (type != "TEXT" && type != "BIGINT" && type != "DOUBLE PRECISION") {
        out.push_back(name + "." + column + " has the type " + type + "; portable are TEXT, BIGINT, DOUBLE PRECISION");
      }
      if (column.ends_with("_at") && type != "BIGINT") out.push_back(name + "." + column + " is a time and must be BIGINT");
    }
    for (const auto& key : table.foreign_keys) {
      const auto target = read->find(key.target);
      if (target == read->end() || !has(target->second.columns, "org_id") || excused(key.target)) continue;
      bool carries = false;
      for (std::size_t i = 0; i < key.from.size(); ++i) {
        // SQLite reports no target columns when the key is the target's primary key.
        carries = carries || (key.from[i] == "org_id" && (key.to[i] == "org_id" || key.to[i].empty()));
      }
      if (!carries) out.push_back("a foreign key of " + name + " to " + key.target + " leaves out org_id");
    }
  }
  return out;
}

}  // namespace ccp::test
