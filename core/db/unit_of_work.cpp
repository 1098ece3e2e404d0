#include "core/db/unit_of_work.hpp"

#include <array>
#include <cstdio>
#include <unordered_set>

#include "core/base/log.hpp"

namespace ccp::db {
namespace {
thread_local const void* current_db = nullptr;

std::string insertText(const Bulk& bulk, const std::string& source) {
  std::string names;
  for (const auto& column : bulk.columns) names += (names.empty() ? "" : ", ") + column.name;
  for (const auto& column : bulk.computed) names += ", " + column.name;
  return "insert into " + bulk.table + " (" + names + ") " + source +
         (bulk.on_conflict.empty() ? "" : " on conflict " + bulk.on_conflict);
}

std::string computedText(const Bulk& bulk) {
  std::string out;
  for (const auto& column : bulk.computed) out += ", " + column.expression;
  return out;
}

std::string valuesText(const Bulk& bulk) {
  std::string out;
  for (const auto& column : bulk.columns) out += (out.empty() ? ":" : ", :") + column.name;
  return out + computedText(bulk);
}

std::string arraysText(const Bulk& bulk) {
  std::string out;
  for (const auto& column : bulk.columns) {
    const char* type = column.type == ColumnType::integer ? "bigint"
                       : column.type == ColumnType::real  ? "double precision"
                                                          : "text";
    out += (out.empty() ? "" : ", ") + ("cast(:" + column.name + " as ") + type + "[])";
  }
  return out;
}

/// One column of all rows as PostgreSQL writes an array (its manual, 8.15.6): every text in
/// quotation marks, so that none is taken for NULL or for syntax.
std::string arrayLiteral(const Bulk& bulk, std::size_t column) {
  std::string out = "{";
  for (const auto& row : bulk.rows) {
    if (out.size() > 1) out += ',';
    const Value& value = row[column];
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out += std::to_string(*integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      std::array<char, 40> buffer;
      std::snprintf(buffer.data(), buffer.size(), "%.17g", *real);
      out += buffer.data();
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      out += '"';
      for (const char c : *text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
      }
      out += '"';
    } else {
      out += "NULL";
    }
  }
  return out + "}";
}

}  // namespace

Inside::Inside(const void* db) noexcept : before_(current_db) {
  current_db = db;
}
Inside::~Inside() {
  current_db = before_;
}

Status Inside::check(const void* db) {
  if (current_db != db) return {};
  return fail(Errc::internal,
              "a unit of work called Db::write or Db::read of its own database; it must use the Tx "
              "that it was given");
}

UnitOfWork::UnitOfWork(Session& session, const Scope& scope, const Clock& clock, Random& random)
    : session_(session), scope_(scope), clock_(clock), random_(random), now_(clock.now()) {}

template <class F>
auto UnitOfWork::noting(F&& fn) {
  try {
    return fn();
  } catch (const SqlError& error) {
    if (!refused_) refused_ = error;
    throw;
  }
}

std::int64_t UnitOfWork::exec(std::string_view sql, const Binds& binds) {
  return noting([&] { return session_.exec(sql, binds); });
}

std::vector<std::vector<Value>> UnitOfWork::select(std::string_view sql, const Binds& binds,
                                                   const std::vector<ColumnType>& types) {
  return noting([&] { return session_.select(sql, binds, types); });
}

void UnitOfWork::emit(const Event& event) {
  events_.push_back({newId("evt", clock_, random_), event.org.empty() ? scope_.orgId() : event.org,
                     event.type, event.subject, event.data.dump(), toMicros(now_), std::int64_t{0},
                     toMicros(now_), std::string()});
  emitted_ = true;
}

void UnitOfWork::audit(const AuditEntry& entry) {
  audits_.push_back({newId("aud", clock_, random_), entry.org.empty() ? scope_.orgId() : entry.org,
                     toMicros(now_), entry.actor, entry.action, entry.subject, entry.before.dump(),
                     entry.after.dump(), entry.reason});
}

void UnitOfWork::flush() {
  using enum ColumnType;
  if (!audits_.empty()) {
    insert({.table = "audit_log",
            .columns = {{"id", text},
                        {"org_id", text},
                        {"at", integer},
                        {"actor", text},
                        {"action", text},
                        {"subject", text},
                        {"before_json", text},
                        {"after_json", text},
                        {"reason", text}},
            .rows = std::exchange(audits_, {})});
  }
  if (events_.empty()) return;
  // `position` orders a subject's events. On PostgreSQL several nodes write, so it comes from a
  // sequence; on SQLite the one writer counts.
  const char* next = dialect() == Dialect::sqlite
                         ? "(select coalesce(max(position), 0) + 1 from outbox)"
                         : "nextval('outbox_position')";
  insert({.table = "outbox",
          .columns = {{"id", text},
                      {"org_id", text},
                      {"type", text},
                      {"subject", text},
                      {"data", text},
                      {"created_at", integer},
                      {"attempt", integer},
                      {"due_at", integer},
                      {"delivered_to", text}},
          .rows = std::exchange(events_, {}),
          .computed = {{"position", next}}});
}

std::vector<bool> UnitOfWork::insert(const Bulk& bulk) {
  if (bulk.rows.empty()) return {};
  return dialect() == Dialect::sqlite || bulk.rows.size() == 1 ? insertOneByOne(bulk)
                                                               : insertByArrays(bulk);
}

std::vector<bool> UnitOfWork::insertOneByOne(const Bulk& bulk) {
  const std::string sql = insertText(bulk, "values (" + valuesText(bulk) + ")");
  Binds binds;
  for (const auto& column : bulk.columns) binds.emplace_back(column.name, nullptr);
  std::vector<bool> out;
  out.reserve(bulk.rows.size());
  for (const auto& row : bulk.rows) {
    for (std::size_t c = 0; c < binds.size(); ++c) binds[c].value = row[c];
    out.push_back(exec(sql, binds) == 1);
  }
  return out;
}

std::vector<bool> UnitOfWork::insertByArrays(const Bulk& bulk) {
  Binds binds;
  binds.reserve(bulk.columns.size());
  for (std::size_t c = 0; c < bulk.columns.size(); ++c)
    binds.emplace_back(bulk.columns[c].name, arrayLiteral(bulk, c));
  const std::string sql = insertText(
      bulk, "select u.*" + computedText(bulk) + " from unnest(" + arraysText(bulk) + ") as u");
  if (bulk.on_conflict.empty()) {
    exec(sql, binds);
    return std::vector<bool>(bulk.rows.size(), true);
  }
  std::unordered_set<std::string> fresh;
  for (auto& row :
       select(sql + " returning " + bulk.columns.front().name, binds, {ColumnType::text}))
    fresh.insert(std::get<std::string>(std::move(row.front())));
  std::vector<bool> out;
  out.reserve(bulk.rows.size());
  for (const auto& row : bulk.rows)
    out.push_back(fresh.contains(std::get<std::string>(row.front())));
  return out;
}

Status UnitOfWork::call(const std::function<Status(Tx&)>& fn) {
  Status status;
  try {
    status = fn(*this);
    if (status && !refused_) flush();
  } catch (const SqlError& error) {
    return fail(error.error());
  } catch (const std::exception& error) {
    log::error("db.closure_threw", {{"message", error.what()}});
    return fail(Errc::internal, "a unit of work failed unexpectedly");
  } catch (...) {
    return fail(Errc::internal, "a unit of work failed unexpectedly");
  }
  if (status && refused_) return fail(refused_->error());
  return status;
}

void UnitOfWork::runAfterCommit() noexcept {
  for (const auto& fn : after_commit_) {
    try {
      fn();
    } catch (const std::exception& error) {
      log::error("db.after_commit_threw", {{"message", error.what()}});
    } catch (...) {
      log::error("db.after_commit_threw");
    }
  }
}

}  // namespace ccp::db
