// Moves SQLite's write-ahead log into the database file, beside the commits and in quiet moments:
// inside a commit, as SQLite does it by itself, everybody who waits for the writer waits for tens
// of milliseconds, and beside one the disk is shared. Internal to core/db. Threads: everything here
// is the writer's; the work is done by a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "core/db/db_metrics.hpp"

namespace ccp::db {

class Session;

class SqliteCheckpointer {
 public:
  /// Pages (4 KiB each) after which the thread looks at the log, and uses the next quiet moment.
  static constexpr std::int64_t kStep = 4000;
  /// In which the writer has nothing to do.
  static constexpr std::chrono::milliseconds kQuiet{20};
  /// A log of so many does not wait for one.
  static constexpr std::int64_t kUrgent = 12000;
  /// Only when all of the log is in the file does it begin anew, and under load there is always a
  /// commit more: from here on the writer moves the rest itself, if that is a step at most. The log
  /// grows further only while a reader's snapshot needs it or the thread is at it.
  static constexpr std::int64_t kMostPages = 16000;

  /// `own` is the connection that the thread works with.
  SqliteCheckpointer(Session& writer, std::unique_ptr<Session> own, DbMetrics& metrics);
  ~SqliteCheckpointer();

  /// Before a transaction.
  void begin();
  /// After it, when everybody knows how it ended: also keeps the log within its bound.
  void end();

 private:
  void logHolds(std::int64_t pages);
  void run();
  void checkpoint(Session& session);
  bool isDue() const { return log_pages_ - looked_at_ >= kStep; }
  void awaitQuiet(std::unique_lock<std::mutex>& lock);

  Session& writer_;
  std::unique_ptr<Session> own_;
  DbMetrics& metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t log_pages_ = 0;
  std::int64_t moved_ = 0;      ///< of them, into the file
  std::int64_t looked_at_ = 0;  ///< of them, when it was tried last
  bool writing_ = false;
  std::uint64_t transactions_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ccp::db
