#include "cli/support/sqlite.hpp"

#include <sqlite3.h>

#include <utility>

namespace ccp::cli {
namespace {

tl::unexpected<Error> sqliteError(sqlite3* db, int rc) {
  const std::string why = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  const int primary = rc & 0xff;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
    return fail(Errc::data_loss, "The local usage store is damaged: " + why + ".");
  }
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
    return fail(Errc::store_error, "Another ccp command is writing the local usage store.");
  }
  return fail(Errc::store_error, "The local usage store refused an operation: " + why + ".");
}

}  // namespace

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)),
      statement_(std::exchange(other.statement_, nullptr)) {}

SqliteStatement& SqliteStatement::operator=(SqliteStatement&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(statement_, other.statement_);
  return *this;
}

SqliteStatement::~SqliteStatement() {
  sqlite3_finalize(statement_);
}

SqliteStatement& SqliteStatement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, std::string_view value) {
  sqlite3_bind_text(statement_, index, value.empty() ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_STATIC);
  return *this;
}

SqliteStatement& SqliteStatement::bind(int index, const std::optional<std::int64_t>& value) {
  if (value) return bind(index, *value);
  sqlite3_bind_null(statement_, index);
  return *this;
}

Result<bool> SqliteStatement::step() {
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  sqlite3_reset(statement_);
  if (rc == SQLITE_DONE) return false;
  return sqliteError(db_, rc);
}

Status SqliteStatement::run() {
  for (;;) {
    CCP_TRY(const bool row, step());
    if (!row) return {};
  }
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> SqliteStatement::optInteger(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string SqliteStatement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string()
             : std::string(text,
                           static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

SqliteDb::SqliteDb(SqliteDb&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}

SqliteDb& SqliteDb::operator=(SqliteDb&& other) noexcept {
  std::swap(db_, other.db_);
  return *this;
}

SqliteDb::~SqliteDb() {
  sqlite3_close_v2(db_);
}

Result<SqliteDb> SqliteDb::open(const std::string& path) {
  SqliteDb out;
  const int rc =
      sqlite3_open_v2(path.c_str(), &out.db_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (rc != SQLITE_OK) return sqliteError(out.db_, rc);
  sqlite3_extended_result_codes(out.db_, 1);
  sqlite3_busy_timeout(out.db_, 10'000);
  return out;
}

Status SqliteDb::run(const char* sql) {
  const int rc = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return sqliteError(db_, rc);
  return {};
}

Result<SqliteStatement> SqliteDb::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int rc =
      sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (rc != SQLITE_OK) return sqliteError(db_, rc);
  return SqliteStatement(db_, statement);
}

std::int64_t SqliteDb::changes() const {
  return sqlite3_changes64(db_);
}

}  // namespace ccp::cli
