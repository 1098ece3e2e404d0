#include "core/db/sqlite_checkpointer.hpp"

#include <optional>
#include <utility>

#include "core/db/session.hpp"

namespace ccp::db {

SqliteCheckpointer::SqliteCheckpointer(Session& writer, std::unique_ptr<Session> own,
                                       DbMetrics& metrics)
    : writer_(writer), own_(std::move(own)), metrics_(metrics) {
  writer_.onLogWritten([this](std::int64_t pages) { logHolds(pages); });
  thread_ = std::thread([this] { run(); });
}

SqliteCheckpointer::~SqliteCheckpointer() {
  writer_.onLogWritten([](std::int64_t) {});
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void SqliteCheckpointer::logHolds(std::int64_t pages) {
  metrics_.log_pages.set(static_cast<double>(pages));
  const std::lock_guard lock(mutex_);
  const bool was_due = isDue();
  if (pages < log_pages_) moved_ = looked_at_ = 0;  // it began anew
  log_pages_ = pages;
  if (!was_due && isDue()) changed_.notify_one();
}

void SqliteCheckpointer::begin() {
  const std::lock_guard lock(mutex_);
  writing_ = true;
  ++transactions_;
}

void SqliteCheckpointer::end() {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    const bool little_left = log_pages_ - moved_ <= kStep;
    if (log_pages_ < kMostPages || !little_left) return;
  }
  checkpoint(writer_);
}

void SqliteCheckpointer::checkpoint(Session& session) {
  std::unique_lock lock(mutex_);
  const std::int64_t held = log_pages_;
  lock.unlock();
  std::optional<std::int64_t> moved;
  try {
    moved = session.checkpoint();
  } catch (const SqlError&) {
    // The session has logged it. Nothing is lost, the log grows.
  }
  lock.lock();
  if (log_pages_ < held) {  // all of it was moved, and it began anew meanwhile
    metrics_.checkpoints.add();
    return;
  }
  // What a reader's snapshot still needs stays: worth another look after as many pages again.
  looked_at_ = held;
  if (!moved || *moved <= moved_) return;
  moved_ = *moved;
  metrics_.checkpoints.add();
}

void SqliteCheckpointer::awaitQuiet(std::unique_lock<std::mutex>& lock) {
  for (bool quiet = false; !stopping_ && !quiet && log_pages_ < kUrgent;) {
    const auto seen = transactions_;
    changed_.wait_for(lock, kQuiet, [&] { return stopping_; });
    quiet = !writing_ && transactions_ == seen;
  }
}

void SqliteCheckpointer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [&] { return stopping_ || isDue(); });
    awaitQuiet(lock);
    if (stopping_) return;
    lock.unlock();
    checkpoint(*own_);
    lock.lock();
  }
}

}  // namespace ccp::db
