// Db on SQLite: one writer thread commits many units of work in one transaction, a savepoint each,
// with synchronous=FULL, and only then acknowledges them (performance.md B).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/log.hpp"
#include "core/db/backends.hpp"
#include "core/db/db_metrics.hpp"
#include "core/db/migrator.hpp"
#include "core/db/session_pool.hpp"
#include "core/db/sqlite_checkpointer.hpp"
#include "core/db/unit_of_work.hpp"

namespace ccp::db {
namespace {

/// One waiting write; lives on the stack of the thread that waits for it.
struct Job {
  const Scope* scope;
  const std::function<Status(Tx&)>* fn;
  Status result;
  std::optional<UnitOfWork> unit;
  bool ok = false;

  std::mutex mutex;
  std::condition_variable done_changed;
  bool done = false;

  void finish(Status status) {
    std::lock_guard lock(mutex);
    result = std::move(status);
    done = true;
    done_changed.notify_one();  // under the lock: the waiter destroys the job as soon as it may
  }
  Status wait() {
    std::unique_lock lock(mutex);
    done_changed.wait(lock, [&] { return done; });
    return std::move(result);
  }
};

class SqliteDb final : public Db {
 public:
  SqliteDb(const Options& options, std::string path, const Clock& clock, Random& random,
           Metrics& metrics)
      : options_(options),
        clock_(clock),
        random_(random),
        metrics_(metrics),
        writer_(Session::openSqlite({path, false, options.sqlite_vfs, kBusyTimeoutMs})),
        checkpointer_(std::in_place, *writer_,
                      Session::openSqlite({path, false, options.sqlite_vfs, kBusyTimeoutMs}),
                      metrics_),
        readers_(options.readers, options.lease_timeout, options.queue_max, [this, path] {
          return Session::openSqlite({path, true, options_.sqlite_vfs, kBusyTimeoutMs});
        }) {}

  Status verifyAndStart() {
    const std::string journal = writer_->scalar("pragma journal_mode");
    const std::string synchronous = writer_->scalar("pragma synchronous");
    const std::string keys = writer_->scalar("pragma foreign_keys");
    if (journal != "wal" || synchronous != "2" || keys != "1") {
      return fail(Errc::store_error, "SQLite did not accept its settings (journal_mode=" + journal + ", synchronous=" +
                                         synchronous + ", foreign_keys=" + keys + "); is the file on a network disk?");
    }
    thread_ = std::thread([this] { run(); });
    return {};
  }

  ~SqliteDb() override { close(); }

  Status migrate(const std::vector<const MigrationSet*>& sets) override {
    return runUnit(Scope::system(), [&](Tx& tx) { return applyMigrations(tx, sets); }, Mode::write);
  }
  Dialect dialect() const noexcept override { return Dialect::sqlite; }

  Status ping() override {
    const auto probe = [](Tx& tx) -> Status {
      tx.one<std::int64_t>("select 1");
      return {};
    };
    CCP_CHECK_OK(runUnit(Scope::system(), probe, Mode::read));
    return runUnit(Scope::system(), probe, Mode::write);
  }

  void close() override {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
    }
    queued_.notify_all();
    if (thread_.joinable()) thread_.join();
    readers_.close();
    checkpointer_.reset();
    writer_.reset();  // last, so that it checkpoints and removes the log
  }

  void onEmit(std::function<void()> fn) override {
    std::lock_guard lock(listener_mutex_);
    listener_ = std::move(fn);
  }

 protected:
  Status runUnit(const Scope& scope, const std::function<Status(Tx&)>& fn, Mode mode) override {
    CCP_CHECK_OK(Inside::check(this));
    return mode == Mode::read ? read(scope, fn) : enqueue(scope, fn);
  }

 private:
  static constexpr int kBusyTimeoutMs = 5000;

  Status enqueue(const Scope& scope, const std::function<Status(Tx&)>& fn) {
    Job job{&scope, &fn, {}, {}, false, {}, {}, false};
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return fail(Error{Errc::shutting_down, "the database is closed", {}, 1});
      if (queue_.size() >= options_.queue_max) {
        metrics_.refused.add();
        return fail(Error{Errc::overloaded, "too many writes wait for the database", {}, 1});
      }
      queue_.push_back(&job);
      metrics_.queue_depth.set(static_cast<double>(queue_.size()));
    }
    queued_.notify_one();
    return job.wait();
  }

  Status read(const Scope& scope, const std::function<Status(Tx&)>& fn) {
    CCP_TRY(auto session, readers_.lease());
    Inside inside(this);
    try {
      session->raw("begin");
      UnitOfWork unit(*session, scope, clock_, random_);
      Status status = unit.call(fn);
      session->raw(status ? "commit" : "rollback");
      if (status) unit.runAfterCommit();
      return status;
    } catch (const SqlError& error) {
      return fail(error.error());
    }
  }

  void run() {
    std::vector<Job*> batch;
    for (;;) {
      batch.clear();
      {
        std::unique_lock lock(mutex_);
        queued_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) return;
        const auto limit = static_cast<std::size_t>(std::max(1, options_.group_max));
        while (!queue_.empty() && batch.size() < limit) {
          batch.push_back(queue_.front());
          queue_.pop_front();
        }
        metrics_.queue_depth.set(static_cast<double>(queue_.size()));
      }
      checkpointer_->begin();
      commitBatch(batch);
      checkpointer_->end();
    }
  }

  void commitBatch(std::vector<Job*>& batch) {
    Inside inside(this);
    const std::uint64_t started = steady_.monotonicNs();
    std::optional<Error> failed;
    bool replay = false;
    try {
      writer_->raw("begin immediate");
      for (Job* job : batch) runJob(*job, batch.size() > 1);
      writer_->raw("commit");
    } catch (const SqlError& error) {
      failed = error.error();
      // A deferred constraint speaks at the commit and means one unit of work, not all.
      replay = error.kind() == SqlError::Kind::constraint && batch.size() > 1;
      rollback();
    }
    if (replay) {
      for (Job* job : batch) {
        std::vector<Job*> single{job};
        commitBatch(single);
      }
      return;
    }
    metrics_.batch_size.observe(static_cast<double>(batch.size()));
    metrics_.commit_seconds.observe(static_cast<double>(steady_.monotonicNs() - started) / 1e9);
    bool emitted = false;
    for (Job* job : batch) {
      if (!failed && job->ok) {
        emitted = emitted || job->unit->emitted();
        job->unit->runAfterCommit();
      }
    }
    if (emitted) notifyListener();
    for (Job* job : batch) job->finish(failed ? Status(fail(*failed)) : std::move(job->result));
  }

  /// Throws when the whole transaction is lost, not only this job's part of it.
  void runJob(Job& job, bool savepoint) {
    if (savepoint) writer_->raw("savepoint unit");
    job.unit.emplace(*writer_, *job.scope, clock_, random_);
    job.result = job.unit->call(*job.fn);
    job.ok = job.result.has_value();
    if (!writer_->inTransaction()) {
      // SQLite itself rolls everything back on a full disk or an I/O error.
      const SqlError* refused = job.unit->refused();
      if (refused != nullptr) throw SqlError(SqlError::Kind::other, refused->error());
      throw SqlError(SqlError::Kind::other, Error{Errc::store_error, "the transaction was lost"});
    }
    if (savepoint) {
      if (!job.ok) writer_->raw("rollback to unit");
      writer_->raw("release unit");
    } else if (!job.ok) {
      rollback();
      writer_->raw("begin immediate");
    }
  }

  void rollback() noexcept {
    try {
      if (writer_->inTransaction()) writer_->raw("rollback");
    } catch (const SqlError& error) {
      log::error("db.rollback_failed", {{"message", error.error().detail}});
    }
  }

  void notifyListener() {
    std::lock_guard lock(listener_mutex_);
    if (listener_) listener_();
  }

  const Options options_;
  const Clock& clock_;
  Random& random_;
  SystemClock steady_;
  DbMetrics metrics_;
  std::unique_ptr<Session> writer_;
  std::optional<SqliteCheckpointer> checkpointer_;
  SessionPool readers_;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<Job*> queue_;
  bool stopping_ = false;
  std::mutex listener_mutex_;
  std::function<void()> listener_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Db>> openSqliteDb(const Options& options, const Clock& clock, Random& random,
                                         Metrics& metrics) {
  const std::string path = options.url.substr(std::string_view("sqlite://").size());
  if (path.empty() || path[0] != '/') {
    return fail(Errc::config_invalid, "store.url names no absolute path; write sqlite:///var/lib/ccp/ccp.db");
  }
  // SQLite gives its log files the mode of the database file: nobody else reads customers' data.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Errc::io_error, path + ": " + std::strerror(errno));
  ::close(fd);
  auto db = std::make_unique<SqliteDb>(options, path, clock, random, metrics);
  CCP_CHECK_OK(db->verifyAndStart());
  return db;
}

}  // namespace ccp::db
