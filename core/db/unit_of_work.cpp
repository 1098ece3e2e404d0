#include "core/db/unit_of_work.hpp"

#include "core/base/log.hpp"

namespace ccp::db {
namespace {
thread_local const void* current_db = nullptr;
}  // namespace

Inside::Inside(const void* db) noexcept : before_(current_db) { current_db = db; }
Inside::~Inside() { current_db = before_; }

Status Inside::check(const void* db) {
  if (current_db != db) return {};
  return fail(Errc::internal,
              "a unit of work called Db::write or Db::read of its own database; it must use the Tx that it was given");
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
  // `position` orders a subject's events. On PostgreSQL several nodes write, so it comes from a
  // sequence; on SQLite the one writer counts.
  static constexpr std::string_view kSqlite =
      "insert into outbox (org_id, id, position, type, subject, data, created_at, attempt, due_at, delivered_to) "
      "values (:org, :id, (select coalesce(max(position), 0) + 1 from outbox), :type, :subject, :data, :now, 0, :due, '')";
  static constexpr std::string_view kPostgres =
      "insert into outbox (org_id, id, position, type, subject, data, created_at, attempt, due_at, delivered_to) "
      "values (:org, :id, nextval('outbox_position'), :type, :subject, :data, :now, 0, :due, '')";
  exec(dialect() == Dialect::sqlite ? kSqlite : kPostgres,
       {{"org", event.org.empty() ? scope_.orgId() : event.org},
        {"id", newId("evt", clock_, random_)},
        {"type", event.type},
        {"subject", event.subject},
        {"data", event.data},
        {"now", now_},
        {"due", now_}});
  emitted_ = true;
}

void UnitOfWork::audit(const AuditEntry& entry) {
  exec(
      "insert into audit_log (org_id, id, at, actor, action, subject, before_json, after_json, reason) "
      "values (:org, :id, :at, :actor, :action, :subject, :before, :after, :reason)",
      {{"org", entry.org.empty() ? scope_.orgId() : entry.org},
       {"id", newId("aud", clock_, random_)},
       {"at", now_},
       {"actor", entry.actor},
       {"action", entry.action},
       {"subject", entry.subject},
       {"before", entry.before},
       {"after", entry.after},
       {"reason", entry.reason}});
}

Status UnitOfWork::call(const std::function<Status(Tx&)>& fn) {
  Status status;
  try {
    status = fn(*this);
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
