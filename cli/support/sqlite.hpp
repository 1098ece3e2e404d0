// A thin wrapper over SQLite's C API for the local usage store: statements that bind by position
// and report errors as Result. sqlite3.h stays in sqlite.cpp. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace ccp::cli {

class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&& other) noexcept;
  ~SqliteStatement();

  SqliteStatement& bind(int index, std::int64_t value);
  /// The text must stay until the statement was run.
  SqliteStatement& bind(int index, std::string_view value);
  SqliteStatement& bind(int index, const std::optional<std::int64_t>& value);
  /// True: a row is there; false: done, and the statement may be bound and run again.
  Result<bool> step();
  /// Runs to the end and resets.
  Status run();
  std::int64_t integer(int column) const;
  std::optional<std::int64_t> optInteger(int column) const;
  std::string text(int column) const;

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

class SqliteDb {
 public:
  SqliteDb() = default;
  SqliteDb(SqliteDb&& other) noexcept;
  SqliteDb& operator=(SqliteDb&& other) noexcept;
  ~SqliteDb();

  static Result<SqliteDb> open(const std::string& path);
  /// Any number of statements.
  Status run(const char* sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  /// Rows that the last statement changed.
  std::int64_t changes() const;

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace ccp::cli
