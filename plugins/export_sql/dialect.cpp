#include "dialect.hpp"

#include <algorithm>

namespace sql_export {
namespace {

struct Types {
  const char* id;      // part of a key
  const char* text;    // short
  const char* json;    // long
  const char* time;
  const char* number;
  const char* real;
};

Types typesOf(Dialect dialect) {
  switch (dialect) {
    case Dialect::sqlite: return {"text", "text", "text", "text", "bigint", "double precision"};
    case Dialect::postgresql: return {"varchar(200)", "text", "text", "timestamptz", "bigint", "double precision"};
    case Dialect::mysql: return {"varchar(200) character set utf8mb4 collate utf8mb4_bin", "varchar(200) character set utf8mb4", "longtext character set utf8mb4",
                                 "datetime(6)", "bigint", "double"};
    case Dialect::generic: break;
  }
  return {"varchar(200)", "varchar(200)", "text", "varchar(32)", "bigint", "double precision"};
}

bool isTime(std::string_view column) { return column.size() > 3 && column.substr(column.size() - 3) == "_at"; }

/// The nth parameter, from 1.
std::string parameter(Dialect dialect, std::size_t n, std::string_view column) {
  if (dialect != Dialect::postgresql) return "?";
  const std::string place = "$" + std::to_string(n);
  return isTime(column) ? "cast(" + place + " as timestamptz)" : place;
}

std::string insertInto(Dialect dialect, const std::string& table, const std::vector<std::string_view>& columns) {
  std::string names, values;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    names += (i > 0 ? ", " : "") + std::string(columns[i]);
    values += (i > 0 ? ", " : "") + parameter(dialect, i + 1, columns[i]);
  }
  return "insert into " + table + " (" + names + ") values (" + values + ")";
}

std::string newerWins(Dialect dialect, const std::string& table) {
  std::string out;
  if (dialect == Dialect::mysql) {
    // Assignments happen from left to right: the revision must be the last one to change.
    out = " on duplicate key update ";
    for (const auto column : kRollupColumns) {
      if (column == "rollup_id" || column == "revision") continue;
      const std::string name(column);
      out += name + " = if(values(revision) > revision, values(" + name + "), " + name + "), ";
    }
    return out + "revision = greatest(revision, values(revision))";
  }
  out = " on conflict (rollup_id) do update set ";
  bool first = true;
  for (const auto column : kRollupColumns) {
    if (column == "rollup_id") continue;
    out += (first ? "" : ", ") + std::string(column) + " = excluded." + std::string(column);
    first = false;
  }
  return out + " where excluded.revision > " + table + ".revision";
}

std::string create(Dialect dialect, const std::string& table, const std::string& columns) {
  return std::string("create table ") + (dialect == Dialect::generic ? "" : "if not exists ") + table + " (" + columns + ")";
}

Table tableOf(Dialect dialect, const std::string& name, const std::string& columns) {
  return {"select count(*) from " + name + " where 1 = 0", create(dialect, name, columns)};
}

}  // namespace

const std::vector<std::string_view> kEventColumns = {"id", "seq", "event_type", "org_id", "subject", "occurred_at", "data"};

const std::vector<std::string_view> kRollupColumns = {
    "rollup_id",    "revision",      "seq",           "org_id",            "source_id",          "seat_id",       "period",      "start_at",
    "model",        "lane",          "requests",      "errors",            "input_tokens",       "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "cost_microusd", "ttft_p50_ms", "ttft_p90_ms",   "ttft_p99_ms",        "ttft",          "accepted_at"};

const char* toString(Dialect dialect) noexcept {
  switch (dialect) {
    case Dialect::sqlite: return "sqlite";
    case Dialect::postgresql: return "postgresql";
    case Dialect::mysql: return "mysql";
    case Dialect::generic: break;
  }
  return "odbc";
}

Statements statementsOf(Dialect dialect, const std::string& prefix) {
  const std::string events = prefix + "events", rollups = prefix + "rollups", streams = prefix + "streams", versions = prefix + "schema_versions";
  const auto p = [&](std::size_t n, std::string_view column = {}) { return parameter(dialect, n, column); };
  Statements out;
  out.insert_event = insertInto(dialect, events, kEventColumns);
  out.insert_rollup = insertInto(dialect, rollups, kRollupColumns);
  switch (dialect) {
    case Dialect::sqlite:
    case Dialect::postgresql: out.insert_event += " on conflict (id) do nothing"; break;
    case Dialect::mysql: out.insert_event += " on duplicate key update id = id"; break;
    case Dialect::generic: break;
  }
  if (dialect != Dialect::generic) out.insert_rollup += newerWins(dialect, rollups);
  out.has_event = "select count(*) from " + events + " where id = " + p(1);
  out.has_rollup = "select count(*) from " + rollups + " where rollup_id = " + p(1);
  out.update_rollup = "update " + rollups + " set ";
  for (std::size_t i = 1; i < kRollupColumns.size(); ++i) {
    out.update_rollup += (i > 1 ? ", " : "") + std::string(kRollupColumns[i]) + " = " + p(i, kRollupColumns[i]);
  }
  out.update_rollup += " where rollup_id = " + p(kRollupColumns.size()) + " and revision < " + p(kRollupColumns.size() + 1);
  out.find_stream = "select last_sequence from " + streams + " where instance = " + p(1) + " and stream = " + p(2);
  out.insert_stream = "insert into " + streams + " (instance, stream, last_sequence, updated_at) values (" + p(1) + ", " + p(2) + ", " + p(3) + ", " +
                      p(4, "updated_at") + ")";
  out.update_stream = "update " + streams + " set last_sequence = " + p(1) + ", updated_at = " + p(2, "updated_at") + " where instance = " + p(3) +
                      " and stream = " + p(4);
  out.version = "select max(version) from " + versions;
  out.add_version = "insert into " + versions + " (version, applied_at) values (" + p(1) + ", " + p(2, "applied_at") + ")";
  return out;
}

std::vector<Table> tablesOf(Dialect dialect, const std::string& prefix, int version) {
  const Types t = typesOf(dialect);
  const auto column = [](const char* name, const char* type, bool null = false) { return std::string(name) + " " + type + (null ? "" : " not null"); };
  const auto list = [](const std::vector<std::string>& parts) {
    std::string out;
    for (const auto& part : parts) out += (out.empty() ? "" : ", ") + part;
    return out;
  };
  if (version != 1) return {};
  return {
      tableOf(dialect, prefix + "schema_versions", list({column("version", t.number), column("applied_at", t.time), "primary key (version)"})),
      tableOf(dialect, prefix + "streams",
              list({column("instance", t.id), column("stream", "varchar(32)"), column("last_sequence", t.number), column("updated_at", t.time),
                    "primary key (instance, stream)"})),
      tableOf(dialect, prefix + "events",
              list({column("id", t.id), column("seq", t.number), column("event_type", t.text), column("org_id", t.text), column("subject", t.text),
                    column("occurred_at", t.time), column("data", t.json), "primary key (id)"})),
      tableOf(dialect, prefix + "rollups",
              list({column("rollup_id", t.id), column("revision", t.number), column("seq", t.number), column("org_id", t.text), column("source_id", t.text),
                    column("seat_id", t.text, true), column("period", "varchar(8)"), column("start_at", t.time), column("model", t.text), column("lane", t.text),
                    column("requests", t.number), column("errors", t.number), column("input_tokens", t.number), column("output_tokens", t.number),
                    column("cache_read_tokens", t.number), column("cache_write_tokens", t.number), column("cost_microusd", t.number, true),
                    column("ttft_p50_ms", t.real, true), column("ttft_p90_ms", t.real, true), column("ttft_p99_ms", t.real, true),
                    column("ttft", t.json, true), column("accepted_at", t.time), "primary key (rollup_id)"})),
  };
}

std::string timeText(Dialect dialect, const std::string& rfc3339) {
  if (dialect != Dialect::mysql) return rfc3339;
  std::string out = rfc3339;
  if (!out.empty() && out.back() == 'Z') out.pop_back();
  std::replace(out.begin(), out.end(), 'T', ' ');
  return out;
}

}  // namespace sql_export
