// One database connection: plain SQL in, typed rows out. SOCI lives behind session.cpp, and so do
// the native handles that it hides (docs/adr/0004-store.md). Owned by a Db; used by one thread at a
// time. Every method throws SqlError; nothing else leaves it.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::db {

/// What the database refused, sorted by what can be done about it.
class SqlError final : public std::exception {
 public:
  enum class Kind {
    other,
    constraint,  ///< a unique, foreign key, check or not-null rule
    retry,       ///< serialisation failure or deadlock: the whole unit of work may run again
    busy,        ///< another process holds the lock for longer than the busy timeout
    connection,  ///< the connection is gone
  };
  SqlError(Kind kind, Error error) : kind_(kind), error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.detail.c_str(); }
  Kind kind() const noexcept { return kind_; }
  const Error& error() const noexcept { return error_; }

 private:
  Kind kind_;
  Error error_;
};

using Rows = std::vector<std::vector<Value>>;

class Session {
 public:
  struct SqliteOptions {
    std::string path;
    bool readonly = false;
    std::string vfs;  ///< empty = the default one
    int busy_timeout_ms = 5000;
  };

  static std::unique_ptr<Session> openSqlite(const SqliteOptions& options);
  static std::unique_ptr<Session> openPostgres(const std::string& url);
  ~Session();

  /// Statements without binds and results, several at once: BEGIN, COMMIT, pragmas.
  void raw(const std::string& sql);
  std::int64_t exec(std::string_view sql, const Binds& binds);
  Rows select(std::string_view sql, const Binds& binds, const std::vector<ColumnType>& types);
  /// First column of the first row as text; empty when there is none.
  std::string scalar(std::string_view sql);

  /// SQLite only. `told` is called at the end of each commit with the pages that the write-ahead
  /// log holds, and SQLite makes no checkpoint of its own any more. `told` must not throw.
  void onLogWritten(std::function<void(std::int64_t pages)> told);
  /// SQLite only: moves what it can of the log into the database file and waits for nobody. Says
  /// how many of the log's pages are in the file now; nothing while another connection is at it.
  std::optional<std::int64_t> checkpoint();

  Dialect dialect() const noexcept;
  bool inTransaction() const noexcept;
  /// False once the connection is known to be broken.
  bool alive() const noexcept;
  /// A text as an SQL literal, for the few places where a bind is not possible.
  std::string quote(std::string_view text) const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::db
