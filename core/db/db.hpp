// The store: one SQL text for SQLite and PostgreSQL, units of work, group commit, outbox, audit.
// SOCI stays behind db.cpp (docs/adr/0004-store.md). A closure given to write() or read() runs with
// a Tx; SQL failures inside it throw, roll the closure back and come out as an Error, so that
// repositories read as plain statements.
// Threads: Db is thread-safe; a Tx belongs to the closure that got it.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/db/migrations.hpp"

namespace ccp::db {

enum class Dialect { sqlite, postgresql };

/// Whose rows a unit of work may see. PostgreSQL enforces it by row-level security as well.
class Scope {
 public:
  static Scope org(std::string org_id) { return Scope(std::move(org_id)); }
  /// The server itself: workers, log-in before an org is chosen, operators. Say why at the call.
  static Scope system() { return Scope({}); }
  bool isSystem() const noexcept { return org_.empty(); }
  const std::string& orgId() const noexcept { return org_; }

 private:
  explicit Scope(std::string org) : org_(std::move(org)) {}
  std::string org_;
};

using Value = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

/// One named bind: {"id", id}. Names appear in SQL as :id. Timestamps bind as epoch microseconds,
/// booleans as 0 and 1.
struct Bind {
  std::string name;
  Value value;

  Bind(std::string n, std::nullptr_t) : name(std::move(n)), value(nullptr) {}
  Bind(std::string n, bool v) : name(std::move(n)), value(std::int64_t{v}) {}
  Bind(std::string n, int v) : name(std::move(n)), value(std::int64_t{v}) {}
  Bind(std::string n, std::int64_t v) : name(std::move(n)), value(v) {}
  Bind(std::string n, double v) : name(std::move(n)), value(v) {}
  Bind(std::string n, const char* v) : name(std::move(n)), value(std::string(v)) {}
  Bind(std::string n, std::string_view v) : name(std::move(n)), value(std::string(v)) {}
  Bind(std::string n, std::string v) : name(std::move(n)), value(std::move(v)) {}
  Bind(std::string n, Timestamp t) : name(std::move(n)), value(toMicros(t)) {}
  Bind(std::string n, const Json& v) : name(std::move(n)), value(v.dump()) {}
  template <class T>
  Bind(std::string n, const std::optional<T>& v) : Bind(v ? Bind(std::move(n), *v) : Bind(std::move(n), nullptr)) {}
};
using Binds = std::vector<Bind>;

/// Type of one selected column. Supported C++ types: std::int64_t, double, std::string, bool,
/// Timestamp, and std::optional of each. NULL in a non-optional column is an error.
enum class ColumnType { integer, real, text };

template <class T>
struct ColumnOf;

/// A domain event (product.md, Conventions): committed with the state change that it tells of.
struct Event {
  std::string type;     ///< noun.past_participle, for example "license.changed"
  std::string org;      ///< empty for events of the server itself
  std::string subject;  ///< id whose events keep their order
  Json data;
};

/// Who did what; written in the same transaction as the deed.
struct AuditEntry {
  std::string org;
  std::string actor;    ///< "user:usr_…", "operator", "billing:polar", "system"
  std::string action;   ///< noun.verb, for example "license.suspend"
  std::string subject;  ///< id
  Json before;
  Json after;
  std::string reason;
};

/// Rows for one table, inserted by one statement. Names and expressions come from the source, never
/// from input.
struct Bulk {
  struct Column {
    std::string name;
    ColumnType type;
  };
  struct Computed {
    std::string name;
    std::string expression;  ///< of no bind, evaluated for each row in order
  };
  std::string table;
  std::vector<Column> columns;
  std::vector<std::vector<Value>> rows;  ///< in the order of `columns`; the first value is another one in each row
  std::vector<Computed> computed = {};
  std::string on_conflict = {};  ///< "(instance, event_id) do nothing", or empty
};

/// One unit of work. Valid inside the closure only.
class Tx {
 public:
  virtual ~Tx() = default;

  /// Runs a statement; returns the number of affected rows.
  /// "insert … on conflict do nothing" with 0 rows is the portable way to see a duplicate.
  virtual std::int64_t exec(std::string_view sql, const Binds& binds = {}) = 0;

  /// Inserts every row: on PostgreSQL by one statement over arrays, because a round trip for each
  /// would be most of the time, on SQLite by one prepared statement. Says for each row whether it
  /// was inserted; without `on_conflict` all are, or it throws.
  virtual std::vector<bool> insert(const Bulk& bulk) = 0;

  /// Selects rows: tx.query<std::string, std::int64_t>("select id, n from t where id = :id", {{"id", id}}).
  template <class... Columns>
  std::vector<std::tuple<Columns...>> query(std::string_view sql, const Binds& binds = {}) {
    std::vector<std::tuple<Columns...>> out;
    for (auto& row : select(sql, binds, {ColumnOf<Columns>::type...})) {
      out.push_back(readRow<Columns...>(row, std::index_sequence_for<Columns...>{}));
    }
    return out;
  }
  /// First row or nothing.
  template <class... Columns>
  std::optional<std::tuple<Columns...>> one(std::string_view sql, const Binds& binds = {}) {
    auto rows = query<Columns...>(sql, binds);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }

  virtual Dialect dialect() const noexcept = 0;
  virtual const Scope& scope() const noexcept = 0;
  /// The time of this unit of work: one value for all of its rows.
  virtual Timestamp now() const noexcept = 0;

  /// Appends to the outbox; delivered after commit, at least once, in order per subject. Written
  /// with the audit rows when the closure ends, all at once.
  virtual void emit(const Event& event) = 0;
  virtual void audit(const AuditEntry& entry) = 0;
  /// Runs after the commit, on the committing thread; for waking workers, never for state.
  virtual void afterCommit(std::function<void()> fn) = 0;

 protected:
  virtual std::vector<std::vector<Value>> select(std::string_view sql, const Binds& binds,
                                                 const std::vector<ColumnType>& types) = 0;

 private:
  template <class... Columns, std::size_t... I>
  static std::tuple<Columns...> readRow(std::vector<Value>& row, std::index_sequence<I...>) {
    return std::tuple<Columns...>{ColumnOf<Columns>::read(row[I])...};
  }
};

struct Options {
  std::string url;        ///< sqlite:///abs/path.db or postgresql://…
  int readers = 4;        ///< read connections
  int writers = 8;        ///< PostgreSQL write connections; SQLite has exactly one writer
  int group_max = 256;    ///< SQLite: closures per commit at most
  std::size_t queue_max = 4096;  ///< writes waiting at most; beyond it `overloaded`
  Duration lease_timeout = seconds(5);
  /// Tests only: name of an already registered SQLite VFS.
  std::string sqlite_vfs;
};

class Db {
 public:
  /// Connects, sets every pragma, checks synchronous=FULL / synchronous_commit=on.
  static Result<std::unique_ptr<Db>> open(const Options& options, const Clock& clock, Random& random, Metrics& metrics);
  virtual ~Db() = default;

  /// Runs `fn(Tx&)` in one unit of work and returns after the commit. `fn` returns Result<T>; an
  /// error rolls back what `fn` did and nothing else. `fn` may run again after a serialisation
  /// failure, so it must not touch anything but the Tx and its own captures.
  template <class F>
  std::invoke_result_t<F, Tx&> write(const Scope& scope, F&& fn) {
    return run<F>(scope, fn, Mode::write);
  }
  /// As write(), but on PostgreSQL at READ COMMITTED instead of SERIALIZABLE: cheaper, and only for
  /// closures whose every decision is taken by one statement (unique keys, `on conflict`, row locks).
  template <class F>
  std::invoke_result_t<F, Tx&> writeReadCommitted(const Scope& scope, F&& fn) {
    return run<F>(scope, fn, Mode::write_read_committed);
  }
  /// The same, read-only, on a reader. One snapshot for the whole closure. A closure must not call
  /// write() or read() of the same Db: that fails with `internal` (it would wait for itself).
  template <class F>
  std::invoke_result_t<F, Tx&> read(const Scope& scope, F&& fn) {
    return run<F>(scope, fn, Mode::read);
  }

  /// Applies what is missing of each set, in order, and records it; forward only. On PostgreSQL
  /// also puts row-level security on every table with an org_id column.
  virtual Status migrate(const std::vector<const MigrationSet*>& sets) = 0;
  virtual Dialect dialect() const noexcept = 0;
  /// Cheap check that both reading and writing work; for /readyz.
  virtual Status ping() = 0;
  /// Ends the writer after what is queued.
  virtual void close() = 0;
  /// `fn` runs after every commit that appended to the outbox; one listener, empty = none.
  virtual void onEmit(std::function<void()> fn) = 0;

 protected:
  enum class Mode { read, write, write_read_committed };
  virtual Status runUnit(const Scope& scope, const std::function<Status(Tx&)>& fn, Mode mode) = 0;

 private:
  template <class F>
  std::invoke_result_t<F, Tx&> run(const Scope& scope, F& fn, Mode mode) {
    using R = std::invoke_result_t<F, Tx&>;
    std::optional<R> result;
    const std::function<Status(Tx&)> wrapped = [&](Tx& tx) -> Status {
      result.emplace(fn(tx));
      if (!*result) return fail(result->error());
      return {};
    };
    Status status = runUnit(scope, wrapped, mode);
    if (!status) return fail(std::move(status).error());
    return std::move(*result);
  }
};

// --- column types -------------------------------------------------------------------------------

/// Thrown by Tx for what the database refused; never leaves Db::write and Db::read.
[[noreturn]] void throwNullColumn();

template <>
struct ColumnOf<std::int64_t> {
  static constexpr ColumnType type = ColumnType::integer;
  static std::int64_t read(Value& v) {
    if (auto* i = std::get_if<std::int64_t>(&v)) return *i;
    throwNullColumn();
  }
};
template <>
struct ColumnOf<double> {
  static constexpr ColumnType type = ColumnType::real;
  static double read(Value& v) {
    if (auto* d = std::get_if<double>(&v)) return *d;
    throwNullColumn();
  }
};
template <>
struct ColumnOf<std::string> {
  static constexpr ColumnType type = ColumnType::text;
  static std::string read(Value& v) {
    if (auto* s = std::get_if<std::string>(&v)) return std::move(*s);
    throwNullColumn();
  }
};
template <>
struct ColumnOf<bool> {
  static constexpr ColumnType type = ColumnType::integer;
  static bool read(Value& v) { return ColumnOf<std::int64_t>::read(v) != 0; }
};
template <>
struct ColumnOf<Timestamp> {
  static constexpr ColumnType type = ColumnType::integer;
  static Timestamp read(Value& v) { return fromMicros(ColumnOf<std::int64_t>::read(v)); }
};
template <class T>
struct ColumnOf<std::optional<T>> {
  static constexpr ColumnType type = ColumnOf<T>::type;
  static std::optional<T> read(Value& v) {
    if (std::holds_alternative<std::nullptr_t>(v)) return std::nullopt;
    return ColumnOf<T>::read(v);
  }
};

}  // namespace ccp::db
