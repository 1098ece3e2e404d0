// The SQL of the plugin as text, per dialect; pure. Three dialects decide about duplicates inside the
// insert; `generic` (ODBC) asks first, with nothing but SQL-92, in the same transaction.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sql_export {

enum class Dialect { sqlite, postgresql, mysql, generic };
const char* toString(Dialect dialect) noexcept;

/// Tables of this version. A later version appends; statements of one version never change.
inline constexpr int kSchemaVersion = 1;

struct Statements {
  // Every statement takes its parameters in the order of the columns.
  std::string insert_event;   ///< kEventColumns; a known id changes nothing (generic: it is an error)
  std::string insert_rollup;  ///< kRollupColumns; replaces an older revision (generic: a known id is an error)
  std::string has_event;      ///< generic: count of the id
  std::string has_rollup;     ///< generic: count of the id
  std::string update_rollup;  ///< generic: kRollupColumns without the id, then the id, then the revision
  std::string find_stream;    ///< instance, stream: last_sequence
  std::string insert_stream;  ///< instance, stream, last_sequence, updated_at
  std::string update_stream;  ///< last_sequence, updated_at, instance, stream
  std::string version;        ///< newest version in the database
  std::string add_version;    ///< version, applied_at
};

extern const std::vector<std::string_view> kEventColumns;
extern const std::vector<std::string_view> kRollupColumns;

/// `prefix` is ours (the schema of the configuration restricts it): it is put into the text.
Statements statementsOf(Dialect dialect, const std::string& prefix);

struct Table {
  std::string probe;   ///< fails when the table is not there
  std::string create;  ///< `if not exists` where the dialect has it
};
/// The tables of `version`, that of the versions first.
std::vector<Table> tablesOf(Dialect dialect, const std::string& prefix, int version);

/// A time in the column of this dialect, from RFC 3339 in UTC ("2026-11-21T05:06:07.25Z").
std::string timeText(Dialect dialect, const std::string& rfc3339);

}  // namespace sql_export
