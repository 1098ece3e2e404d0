// The Tx that closures get: statements on one session, plus outbox and audit rows. Internal to
// core/db; made by SqliteDb and PostgresDb, one per attempt.
// Threads: the one that runs the closure.
#pragma once

#include <functional>
#include <vector>

#include "core/db/db.hpp"
#include "core/db/session.hpp"

namespace ccp::db {

class UnitOfWork final : public Tx {
 public:
  UnitOfWork(Session& session, const Scope& scope, const Clock& clock, Random& random);

  std::int64_t exec(std::string_view sql, const Binds& binds = {}) override;
  std::vector<bool> insert(const Bulk& bulk) override;
  Dialect dialect() const noexcept override { return session_.dialect(); }
  const Scope& scope() const noexcept override { return scope_; }
  Timestamp now() const noexcept override { return now_; }
  void emit(const Event& event) override;
  void audit(const AuditEntry& entry) override;
  void afterCommit(std::function<void()> fn) override { after_commit_.push_back(std::move(fn)); }

  /// Runs the closure; every exception becomes an Error. A closure that hid a failed statement
  /// fails all the same. `refused` tells what the database said, if it said something.
  Status call(const std::function<Status(Tx&)>& fn);
  const SqlError* refused() const noexcept { return refused_ ? &*refused_ : nullptr; }
  bool emitted() const noexcept { return emitted_; }
  /// What afterCommit() collected; exceptions are logged.
  void runAfterCommit() noexcept;

 protected:
  std::vector<std::vector<Value>> select(std::string_view sql, const Binds& binds,
                                         const std::vector<ColumnType>& types) override;

 private:
  template <class F>
  auto noting(F&& fn);
  std::vector<bool> insertByArrays(const Bulk& bulk);
  std::vector<bool> insertOneByOne(const Bulk& bulk);
  /// Writes what emit() and audit() collected.
  void flush();

  Session& session_;
  const Scope& scope_;
  const Clock& clock_;
  Random& random_;
  Timestamp now_;
  bool emitted_ = false;
  std::vector<std::vector<Value>> events_, audits_;
  std::optional<SqlError> refused_;
  std::vector<std::function<void()>> after_commit_;
};

/// Marks the calling thread as being inside a unit of work of `db` for the lifetime of the object.
class Inside {
 public:
  explicit Inside(const void* db) noexcept;
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  /// The error for a nested call, when the calling thread is inside a unit of work of `db`.
  static Status check(const void* db);

 private:
  const void* before_;
};

}  // namespace ccp::db
