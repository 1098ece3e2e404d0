#include "core/db/session.hpp"

#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_map>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"

namespace ccp::db {
namespace {

constexpr std::size_t kStatementCache = 128;

/// Storage that SOCI reads from or writes to; it binds by reference, so slots never move.
struct Slot {
  long long integer = 0;
  double real = 0;
  std::string text;
  soci::indicator indicator = soci::i_ok;
};

/// A prepared statement with the storage bound to it.
struct Prepared {
  explicit Prepared(soci::session& sql) : statement(sql) {}
  bool bound = false;
  std::vector<std::string> names;  ///< of the binds, in the order of `in`
  std::deque<Slot> in;
  std::deque<Slot> out;
  soci::statement statement;  // last: destroyed before the slots it points to
};

char typeOf(const Value& value) {
  switch (value.index()) {
    case 1: return 'i';
    case 2: return 'd';
    case 3: return 's';
    default: return 'n';
  }
}

[[noreturn]] void refuse(std::string detail) {
  throw SqlError(SqlError::Kind::other, Error{Errc::internal, std::move(detail)});
}

/// PostgreSQL cuts text at NUL and refuses broken UTF-8; SQLite stores both. Neither gets them.
void checkText(const std::string& name, const std::string& text) {
  if (text.find('\0') != std::string::npos || !isValidUtf8(text)) {
    throw SqlError(SqlError::Kind::other,
                   Error{Errc::bad_encoding, "the value of '" + name + "' is not UTF-8 text without NUL"});
  }
}

struct Classified {
  SqlError::Kind kind;
  Errc code;
  const char* text;
};

Classified classifySqlite(int result) {
  switch (result & 0xFF) {
    case 5:  // SQLITE_BUSY
    case 6:  // SQLITE_LOCKED
      return {SqlError::Kind::busy, Errc::unavailable, "the database is locked by another process"};
    case 8:  // SQLITE_READONLY
      return {SqlError::Kind::other, Errc::internal, "a read-only unit of work tried to write"};
    case 11:  // SQLITE_CORRUPT
    case 26:  // SQLITE_NOTADB
      return {SqlError::Kind::other, Errc::data_loss, "the database file is damaged"};
    case 13:  // SQLITE_FULL
      return {SqlError::Kind::other, Errc::store_error, "the disk is full"};
    case 10:  // SQLITE_IOERR
      return {SqlError::Kind::other, Errc::store_error, "the disk gave an error"};
    case 14:  // SQLITE_CANTOPEN
      return {SqlError::Kind::other, Errc::store_error, "the database file cannot be opened"};
    case 19:  // SQLITE_CONSTRAINT
      return {SqlError::Kind::constraint, Errc::conflict, "a constraint of the database refused the change"};
    default:
      return {SqlError::Kind::other, Errc::store_error, "the database refused the statement"};
  }
}

Classified classifyPostgres(const std::string& state, bool connected) {
  if (!connected || state.starts_with("08") || state == "57P01" || state == "57P02" || state == "57P03") {
    return {SqlError::Kind::connection, Errc::unavailable, "the connection to the database is gone"};
  }
  if (state == "40001" || state == "40P01") {
    return {SqlError::Kind::retry, Errc::unavailable, "the change met another one at the same time"};
  }
  if (state == "55P03") return {SqlError::Kind::busy, Errc::unavailable, "the row is locked for too long"};
  if (state == "57014") return {SqlError::Kind::other, Errc::deadline_exceeded, "the statement took too long"};
  if (state.starts_with("23")) {
    return {SqlError::Kind::constraint, Errc::conflict, "a constraint of the database refused the change"};
  }
  if (state == "22021") return {SqlError::Kind::other, Errc::bad_encoding, "a text is not valid UTF-8"};
  if (state.starts_with("22") || state.starts_with("54")) {
    return {SqlError::Kind::other, Errc::validation_failed, "a value does not fit into the database"};
  }
  if (state == "25006") return {SqlError::Kind::other, Errc::internal, "a read-only unit of work tried to write"};
  if (state == "42501") return {SqlError::Kind::other, Errc::internal, "the row belongs to another organization"};
  if (state == "53100") return {SqlError::Kind::other, Errc::store_error, "the database's disk is full"};
  if (state == "53300") return {SqlError::Kind::busy, Errc::overloaded, "the database has no free connection"};
  if (state.starts_with("XX")) return {SqlError::Kind::other, Errc::data_loss, "the database reports damage"};
  return {SqlError::Kind::other, Errc::store_error, "the database refused the statement"};
}

}  // namespace

struct Session::Impl {
  Dialect dialect = Dialect::sqlite;
  soci::session sql;
  bool broken = false;
  std::function<void(std::int64_t)> on_log_written;

  using Entry = std::pair<std::string, std::unique_ptr<Prepared>>;
  std::list<Entry> statements;  // most recently used first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key;

  ~Impl() {
    by_key.clear();
    statements.clear();  // before the session that they belong to
  }

  sqlite_api::sqlite3* sqlite() { return static_cast<soci::sqlite3_session_backend*>(sql.get_backend())->conn_; }
  PGconn* postgres() { return static_cast<soci::postgresql_session_backend*>(sql.get_backend())->conn_; }

  /// Turns what SOCI threw into an SqlError. The message goes to the log, without values; the
  /// caller gets a sentence, because the text may name other tenants' data.
  [[noreturn]] void rethrow(const soci::soci_error& error, std::string_view statement) {
    Classified found{};
    std::string native;
    if (dialect == Dialect::sqlite) {
      const auto* typed = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
      const int result = typed != nullptr ? typed->result() : sqlite_api::sqlite3_errcode(sqlite());
      found = classifySqlite(result);
      native = std::to_string(result);
    } else {
      const auto* typed = dynamic_cast<const soci::postgresql_soci_error*>(&error);
      native = typed != nullptr ? typed->sqlstate() : std::string();
      found = classifyPostgres(native, PQstatus(postgres()) == CONNECTION_OK);
    }
    raise(found, native, error.get_error_message(), statement);
  }
  [[noreturn]] void raise(const Classified& found, const std::string& native, const std::string& message,
                          std::string_view statement) {
    if (found.kind == SqlError::Kind::connection) broken = true;
    if (found.kind != SqlError::Kind::retry && found.kind != SqlError::Kind::constraint) {
      log::warn("db.statement_failed", {{"code", native}, {"message", message}, {"sql", std::string(statement.substr(0, 500))}});
    } else {
      log::debug("db.statement_failed", {{"code", native}, {"message", message}, {"sql", std::string(statement.substr(0, 500))}});
    }
    Error error{found.code, std::string(found.text) + " (" + native + ")"};
    if (error.code == Errc::unavailable || error.code == Errc::overloaded) error.retry_after_s = 1;
    throw SqlError(found.kind, std::move(error));
  }

  /// The names that the statement wants must be the names that the caller binds: SQLite would take
  /// a forgotten one as NULL, and PostgreSQL would ignore one too many.
  void checkNames(Prepared& prepared, const Binds& binds) {
    std::vector<std::string> wanted;
    if (dialect == Dialect::sqlite) {
      auto* st = static_cast<soci::sqlite3_statement_backend*>(prepared.statement.get_backend())->stmt_;
      for (int i = 1; i <= sqlite_api::sqlite3_bind_parameter_count(st); ++i) {
        const char* name = sqlite_api::sqlite3_bind_parameter_name(st, i);
        wanted.emplace_back(name != nullptr ? name + 1 : "?");
      }
    } else {
      wanted = static_cast<soci::postgresql_statement_backend*>(prepared.statement.get_backend())->names_;
    }
    for (const auto& name : wanted) {
      if (std::none_of(binds.begin(), binds.end(), [&](const Bind& b) { return b.name == name; })) {
        refuse("the statement wants :" + name + ", which is not bound");
      }
    }
    for (const auto& bind : binds) {
      if (std::find(wanted.begin(), wanted.end(), bind.name) == wanted.end()) {
        refuse("the statement has no :" + bind.name);
      }
    }
  }

  Prepared& prepare(std::string_view text, const Binds& binds, const std::vector<ColumnType>& types) {
    std::string key;
    key.reserve(text.size() + binds.size() + types.size() + 2);
    // PostgreSQL gets every parameter as text and infers its type; SQLite needs it typed.
    if (dialect == Dialect::sqlite) {
      for (const auto& bind : binds) key += typeOf(bind.value);
    }
    key += '>';
    for (const auto type : types) key += static_cast<char>('0' + static_cast<int>(type));
    key += '|';
    key += text;
    if (auto found = by_key.find(key); found != by_key.end()) {
      statements.splice(statements.begin(), statements, found->second);
      Prepared& prepared = *statements.front().second;
      if (!prepared.bound) bindSlots(prepared, binds, types);
      // The order of binds is part of the call, not of the key.
      for (std::size_t i = 0; i < binds.size(); ++i) {
        if (prepared.names[i] != binds[i].name) {
          drop(statements.front().first);
          return prepare(text, binds, types);
        }
      }
      return prepared;
    }
    auto fresh = std::make_unique<Prepared>(sql);
    fresh->statement.alloc();
    fresh->statement.prepare(std::string(text), soci::details::st_repeatable_query);
    checkNames(*fresh, binds);
    bindSlots(*fresh, binds, types);
    while (statements.size() >= kStatementCache) drop(std::string(statements.back().first));
    statements.emplace_front(std::move(key), std::move(fresh));
    by_key.emplace(statements.front().first, statements.begin());
    return *statements.front().second;
  }

  void bindSlots(Prepared& prepared, const Binds& binds, const std::vector<ColumnType>& types) {
    prepared.names.clear();
    prepared.in.clear();
    prepared.out.clear();
    soci::statement& statement = prepared.statement;
    for (const auto& bind : binds) {
      prepared.names.push_back(bind.name);
      Slot& slot = prepared.in.emplace_back();
      const char type = dialect == Dialect::sqlite ? typeOf(bind.value) : 's';
      if (type == 'i') statement.exchange(soci::use(slot.integer, slot.indicator, bind.name));
      else if (type == 'd') statement.exchange(soci::use(slot.real, slot.indicator, bind.name));
      else statement.exchange(soci::use(slot.text, slot.indicator, bind.name));
    }
    for (const auto type : types) {
      Slot& slot = prepared.out.emplace_back();
      if (type == ColumnType::integer) statement.exchange(soci::into(slot.integer, slot.indicator));
      else if (type == ColumnType::real) statement.exchange(soci::into(slot.real, slot.indicator));
      else statement.exchange(soci::into(slot.text, slot.indicator));
    }
    statement.define_and_bind();
    prepared.bound = true;
  }

  void drop(const std::string& key) {
    auto found = by_key.find(key);
    if (found == by_key.end()) return;
    auto entry = found->second;
    by_key.erase(found);
    statements.erase(entry);
  }

  void fill(Prepared& prepared, const Binds& binds) {
    for (std::size_t i = 0; i < binds.size(); ++i) {
      Slot& slot = prepared.in[i];
      const Value& value = binds[i].value;
      slot.indicator = soci::i_ok;
      const bool as_text = dialect == Dialect::postgresql;
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        if (as_text) slot.text = std::to_string(*integer);
        else slot.integer = *integer;
      } else if (const auto* real = std::get_if<double>(&value)) {
        if (as_text) {
          char buffer[40];
          std::snprintf(buffer, sizeof buffer, "%.17g", *real);
          slot.text = buffer;
        } else {
          slot.real = *real;
        }
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        checkText(binds[i].name, *text);
        slot.text = *text;
      } else {
        slot.text.clear();
        slot.indicator = soci::i_null;
      }
    }
  }

  template <class F>
  auto guarded(std::string_view text, F&& fn) {
    try {
      return fn();
    } catch (const SqlError&) {
      throw;
    } catch (const soci::soci_error& error) {
      recover(text);
      rethrow(error, text);
    } catch (const std::exception& error) {
      refuse(std::string("the database driver failed: ") + error.what());
    }
  }

  /// After a failure: an SQLite statement is left in the middle of its run and goes. PostgreSQL's
  /// stays good (and could not be deallocated in a failed transaction), but SOCI has not freed what
  /// it had converted for the call: that happens with the bindings, which the next call makes anew.
  void recover(std::string_view text) {
    std::vector<std::string> keys;
    for (const auto& [key, prepared] : statements) {
      if (!key.ends_with(text)) continue;
      if (dialect == Dialect::sqlite) {
        keys.push_back(key);
      } else {
        prepared->statement.bind_clean_up();
        prepared->bound = false;
      }
    }
    for (const auto& key : keys) drop(key);
  }
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

std::unique_ptr<Session> Session::openSqlite(const SqliteOptions& options) {
  if (options.path.find('"') != std::string::npos) refuse("a database path must not contain a quotation mark");
  auto impl = std::make_unique<Impl>();
  impl->dialect = Dialect::sqlite;
  std::string connect = "db=\"" + options.path + "\"";
  if (options.readonly) connect += " readonly=true";
  try {
    // SOCI 4.0 cannot name a VFS; for the tests that need one it becomes the default meanwhile.
    static std::mutex opening;
    std::lock_guard lock(opening);
    sqlite_api::sqlite3_vfs* before = sqlite_api::sqlite3_vfs_find(nullptr);
    if (!options.vfs.empty()) {
      auto* wanted = sqlite_api::sqlite3_vfs_find(options.vfs.c_str());
      if (wanted == nullptr) refuse("no SQLite VFS is named '" + options.vfs + "'");
      sqlite_api::sqlite3_vfs_register(wanted, 1);
    }
    try {
      impl->sql.open(soci::sqlite3, connect);
    } catch (...) {
      sqlite_api::sqlite3_vfs_register(before, 1);
      throw;
    }
    if (!options.vfs.empty()) sqlite_api::sqlite3_vfs_register(before, 1);
  } catch (const soci::soci_error& error) {
    throw SqlError(SqlError::Kind::other,
                   Error{Errc::store_error, "cannot open " + options.path + ": " + error.get_error_message()});
  }
  // soci's own busy timeout counts whole seconds and is 0 by default.
  sqlite_api::sqlite3_busy_timeout(impl->sqlite(), options.busy_timeout_ms);
  auto session = std::unique_ptr<Session>(new Session(std::move(impl)));
  session->raw("pragma foreign_keys = on");
  if (options.readonly) {
    session->raw("pragma query_only = on");
  } else {
    session->raw("pragma journal_mode = wal");
    session->raw("pragma synchronous = full");
    session->raw("pragma journal_size_limit = 67108864");
  }
  return session;
}

std::unique_ptr<Session> Session::openPostgres(const std::string& url) {
  auto impl = std::make_unique<Impl>();
  impl->dialect = Dialect::postgresql;
  try {
    impl->sql.open(soci::postgresql, url);
  } catch (const soci::soci_error& error) {
    std::string message = error.get_error_message();
    while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.pop_back();
    Error out{Errc::unavailable, "cannot connect to PostgreSQL: " + message};
    out.retry_after_s = 2;
    throw SqlError(SqlError::Kind::connection, std::move(out));
  }
  PQsetNoticeProcessor(impl->postgres(), [](void*, const char*) {}, nullptr);
  auto session = std::unique_ptr<Session>(new Session(std::move(impl)));
  session->raw(
      "set client_encoding = 'UTF8'; set synchronous_commit = on; set lock_timeout = '10s'; "
      "set statement_timeout = '60s'; set idle_in_transaction_session_timeout = '60s'");
  return session;
}

void Session::raw(const std::string& sql) {
  if (impl_->dialect == Dialect::sqlite) {
    char* message = nullptr;
    const int result = sqlite_api::sqlite3_exec(impl_->sqlite(), sql.c_str(), nullptr, nullptr, &message);
    if (result != 0) {
      const std::string text = message != nullptr ? message : "";
      sqlite_api::sqlite3_free(message);
      impl_->raise(classifySqlite(result), std::to_string(result), text, sql);
    }
    return;
  }
  PGresult* result = PQexec(impl_->postgres(), sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string code = state != nullptr ? state : "";
    const std::string text = PQerrorMessage(impl_->postgres());
    PQclear(result);
    impl_->raise(classifyPostgres(code, PQstatus(impl_->postgres()) == CONNECTION_OK), code, text, sql);
  }
  // COMMIT of a transaction that already failed answers "ROLLBACK" without an error.
  const bool rolled_back = sql == "commit" && std::strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
  PQclear(result);
  if (rolled_back) refuse("the transaction had failed and was rolled back");
}

std::int64_t Session::exec(std::string_view sql, const Binds& binds) {
  return impl_->guarded(sql, [&]() -> std::int64_t {
    Prepared& prepared = impl_->prepare(sql, binds, {});
    impl_->fill(prepared, binds);
    prepared.statement.execute(true);
    return prepared.statement.get_affected_rows();
  });
}

void Session::onLogWritten(std::function<void(std::int64_t)> told) {
  impl_->on_log_written = std::move(told);
  const auto hook = [](void* impl, sqlite_api::sqlite3*, const char*, int pages) {
    static_cast<Impl*>(impl)->on_log_written(pages);
    return SQLITE_OK;
  };
  sqlite_api::sqlite3_wal_hook(impl_->sqlite(), hook, impl_.get());
}

std::optional<std::int64_t> Session::checkpoint() {
  int moved = 0;
  const int result = sqlite_api::sqlite3_wal_checkpoint_v2(
      impl_->sqlite(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, &moved);
  if (result == SQLITE_BUSY) return std::nullopt;
  if (result != SQLITE_OK) {
    impl_->raise(classifySqlite(result), std::to_string(result),
                 sqlite_api::sqlite3_errmsg(impl_->sqlite()), "checkpoint");
  }
  return moved;
}

Rows Session::select(std::string_view sql, const Binds& binds, const std::vector<ColumnType>& types) {
  return impl_->guarded(sql, [&] {
    Prepared& prepared = impl_->prepare(sql, binds, types);
    impl_->fill(prepared, binds);
    Rows rows;
    // To the end always: an unfinished SQLite select would keep its read transaction open.
    for (bool got = prepared.statement.execute(true); got; got = prepared.statement.fetch()) {
      auto& row = rows.emplace_back();
      row.reserve(types.size());
      for (std::size_t i = 0; i < types.size(); ++i) {
        Slot& slot = prepared.out[i];
        if (slot.indicator == soci::i_null) row.emplace_back(nullptr);
        else if (types[i] == ColumnType::integer) row.emplace_back(std::int64_t{slot.integer});
        else if (types[i] == ColumnType::real) row.emplace_back(slot.real);
        else row.emplace_back(slot.text);
      }
    }
    return rows;
  });
}

std::string Session::scalar(std::string_view sql) {
  auto rows = select(sql, {}, {ColumnType::text});
  if (rows.empty() || !std::holds_alternative<std::string>(rows[0][0])) return {};
  return std::get<std::string>(rows[0][0]);
}

Dialect Session::dialect() const noexcept { return impl_->dialect; }

bool Session::inTransaction() const noexcept {
  if (impl_->dialect == Dialect::sqlite) return sqlite_api::sqlite3_get_autocommit(impl_->sqlite()) == 0;
  return PQtransactionStatus(impl_->postgres()) != PQTRANS_IDLE;
}

bool Session::alive() const noexcept {
  if (impl_->dialect == Dialect::sqlite) return true;
  return !impl_->broken && PQstatus(impl_->postgres()) == CONNECTION_OK;
}

std::string Session::quote(std::string_view text) const {
  if (impl_->dialect == Dialect::postgresql) {
    char* literal = PQescapeLiteral(impl_->postgres(), text.data(), text.size());
    if (literal == nullptr) refuse("a text cannot be quoted");
    std::string out(literal);
    PQfreemem(literal);
    return out;
  }
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace ccp::db
