// Db on PostgreSQL: every unit of work is a transaction of its own on a pooled connection, SERIALIZABLE
// unless the caller says otherwise, with the org scope set for row-level security.
#include <algorithm>
#include <array>
#include <mutex>
#include <thread>

#include "core/base/log.hpp"
#include "core/db/backends.hpp"
#include "core/db/db_metrics.hpp"
#include "core/db/migrator.hpp"
#include "core/db/session_pool.hpp"
#include "core/db/unit_of_work.hpp"

namespace ccp::db {
namespace {

/// Attempts of one unit of work that meets others; with the back-off below, about two seconds.
constexpr int kMaxAttempts = 40;
/// From this attempt on, units of work of one scope line up in this process: whoever loses against
/// a stream of newcomers by chance alone would lose too often in a row.
constexpr int kLineUpFrom = 3;

std::string withConnectTimeout(std::string url) {
  if (url.find("connect_timeout=") != std::string::npos) return url;
  url += url.find('?') == std::string::npos ? '?' : '&';
  return url + "connect_timeout=5";
}

class PostgresDb final : public Db {
 public:
  PostgresDb(const Options& options, const Clock& clock, Random& random, Metrics& metrics)
      : clock_(clock),
        random_(random),
        metrics_(metrics),
        url_(withConnectTimeout(options.url)),
        writers_(options.writers, options.lease_timeout, options.queue_max, [this] { return Session::openPostgres(url_); }),
        readers_(options.readers, options.lease_timeout, options.queue_max, [this] { return Session::openPostgres(url_); }) {}

  Status verify() {
    CCP_TRY(auto session, writers_.lease());
    try {
      const std::string durable = session->scalar("show synchronous_commit");
      if (durable != "on") {
        return fail(Errc::store_error, "PostgreSQL did not accept synchronous_commit=on (it says " + durable + ")");
      }
      const std::string encoding = session->scalar("show server_encoding");
      if (encoding != "UTF8") {
        return fail(Errc::store_error, "the PostgreSQL database has encoding " + encoding + "; create it with UTF8");
      }
      if (session->scalar("show fsync") != "on") {
        log::warn("db.fsync_off", {{"advice", "a power cut can lose acknowledged writes; set fsync=on"}});
      }
      if (session->scalar("select case when rolsuper or rolbypassrls then 'yes' else 'no' end from pg_roles "
                          "where rolname = current_user") == "yes") {
        log::warn("db.role_bypasses_rls",
                  {{"advice", "connect as an ordinary role, so that row-level security is a second wall"}});
      }
    } catch (const SqlError& error) {
      return fail(error.error());
    }
    return {};
  }

  ~PostgresDb() override { close(); }

  Status migrate(const std::vector<const MigrationSet*>& sets) override {
    // READ COMMITTED: the plan must see what another node applied while this one waited for the lock.
    return runUnit(Scope::system(), [&](Tx& tx) { return applyMigrations(tx, sets); }, Mode::write_read_committed);
  }
  Dialect dialect() const noexcept override { return Dialect::postgresql; }

  Status ping() override {
    const auto probe = [](Tx& tx) -> Status {
      tx.one<std::int64_t>("select 1");
      return {};
    };
    CCP_CHECK_OK(runUnit(Scope::system(), probe, Mode::read));
    return runUnit(Scope::system(), probe, Mode::write_read_committed);
  }

  void close() override {
    writers_.close();
    readers_.close();
  }

  void onEmit(std::function<void()> fn) override {
    std::lock_guard lock(listener_mutex_);
    listener_ = std::move(fn);
  }

 protected:
  Status runUnit(const Scope& scope, const std::function<Status(Tx&)>& fn, Mode mode) override {
    CCP_CHECK_OK(Inside::check(this));
    SessionPool& pool = mode == Mode::read ? readers_ : writers_;
    metrics_.queue_depth.set(static_cast<double>(writers_.waiting() + readers_.waiting()));
    auto leased = pool.lease();
    if (!leased) {
      if (leased.error().code == Errc::overloaded) metrics_.refused.add();
      return fail(std::move(leased).error());
    }
    auto session = std::move(*leased);
    Inside inside(this);
    std::unique_lock<std::mutex> line;
    for (int attempt = 1;; ++attempt) {
      if (attempt == kLineUpFrom) line = std::unique_lock(contended_[std::hash<std::string>{}(scope.orgId()) % kLines]);
      try {
        begin(session, scope, mode);
        return attemptOnce(*session, scope, fn, mode);
      } catch (const SqlError& error) {
        if (error.kind() != SqlError::Kind::retry || attempt >= kMaxAttempts) return fail(error.error());
        metrics_.retries.add();
        backOff(attempt);
      }
    }
  }

 private:
  /// Opens the transaction; on a connection that turns out to be dead, once more on a new one:
  /// nothing has happened yet, so repeating is safe here and nowhere later.
  void begin(SessionPool::Lease& session, const Scope& scope, Mode mode) {
    try {
      session->raw(beginText(*session, scope, mode));
    } catch (const SqlError& error) {
      if (error.kind() != SqlError::Kind::connection) throw;
      log::warn("db.reconnect", {{"reason", error.error().detail}});
      metrics_.reconnects.add();
      session.reopen();
      session->raw(beginText(*session, scope, mode));
    }
  }

  static std::string beginText(const Session& session, const Scope& scope, Mode mode) {
    std::string text = mode == Mode::read ? "begin isolation level repeatable read read only; "
                       : mode == Mode::write
                           ? "begin isolation level serializable; set local synchronous_commit = on; "
                           : "begin isolation level read committed; set local synchronous_commit = on; ";
    return text + "select set_config('ccp.scope', " + (scope.isSystem() ? "'system'" : "'org'") +
           ", true), set_config('ccp.org', " + session.quote(scope.orgId()) + ", true)";
  }

  /// Throws SqlError of kind retry when the whole attempt may be repeated.
  Status attemptOnce(Session& session, const Scope& scope, const std::function<Status(Tx&)>& fn, Mode mode) {
    UnitOfWork unit(session, scope, clock_, random_);
    Status status = unit.call(fn);
    const SqlError* refused = unit.refused();
    if (!status) {
      rollback(session);
      if (refused != nullptr && refused->kind() == SqlError::Kind::retry) throw SqlError(*refused);
      return status;
    }
    const std::uint64_t started = steady_.monotonicNs();
    try {
      session.raw("commit");
    } catch (const SqlError& error) {
      rollback(session);
      if (error.kind() == SqlError::Kind::connection) {
        return fail(Error{Errc::unavailable,
                          "the connection broke during the commit, so whether the change was made is unknown", {}, 1});
      }
      throw;
    }
    if (mode != Mode::read) {
      metrics_.commit_seconds.observe(static_cast<double>(steady_.monotonicNs() - started) / 1e9);
      metrics_.batch_size.observe(1);
    }
    unit.runAfterCommit();
    if (unit.emitted()) {
      std::lock_guard lock(listener_mutex_);
      if (listener_) listener_();
    }
    return status;
  }

  static void rollback(Session& session) noexcept {
    try {
      if (session.alive() && session.inTransaction()) session.raw("rollback");
    } catch (const SqlError& error) {
      log::warn("db.rollback_failed", {{"message", error.error().detail}});
    }
  }

  void backOff(int attempt) {
    const std::uint32_t most = std::min<std::uint32_t>(100'000, 250u << std::min(attempt / 2, 9));
    std::this_thread::sleep_for(std::chrono::microseconds(random_.below(most) + 1));
  }

  const Clock& clock_;
  Random& random_;
  SystemClock steady_;
  DbMetrics metrics_;
  const std::string url_;
  SessionPool writers_;
  SessionPool readers_;
  static constexpr std::size_t kLines = 64;
  std::array<std::mutex, kLines> contended_;
  std::mutex listener_mutex_;
  std::function<void()> listener_;
};

}  // namespace

Result<std::unique_ptr<Db>> openPostgresDb(const Options& options, const Clock& clock, Random& random,
                                           Metrics& metrics) {
  auto db = std::make_unique<PostgresDb>(options, clock, random, metrics);
  CCP_CHECK_OK(db->verify());
  return db;
}

}  // namespace ccp::db
