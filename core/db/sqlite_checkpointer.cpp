#include "core/db/sqlite_checkpointer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/log.hpp"
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
  const bool was_due = waiting() >= kStep;
  if (pages < log_pages_) moved_ = 0;  // it began anew
  log_pages_ = pages;
  if (!was_due && waiting() >= kStep) changed_.notify_one();
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
    if (log_pages_ < kMostPages) return;
  }
  checkpoint(writer_);
}

/// Pages that are in the file now; nothing when another connection is at it, or the disk refuses.
std::optional<std::int64_t> SqliteCheckpointer::checkpoint(Session& session) {
  try {
    const auto moved = session.checkpoint();
    if (moved) metrics_.checkpoints.add();
    return moved;
  } catch (const SqlError& error) {
    log::warn("db.checkpoint_failed", {{"message", error.error().detail}});
    return std::nullopt;
  }
}

void SqliteCheckpointer::awaitQuiet(std::unique_lock<std::mutex>& lock) {
  for (bool quiet = false; !stopping_ && !quiet && waiting() < kUrgent;) {
    const auto seen = transactions_;
    changed_.wait_for(lock, kQuiet, [&] { return stopping_; });
    quiet = !writing_ && transactions_ == seen;
  }
}

void SqliteCheckpointer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait(lock, [&] { return stopping_ || waiting() >= kStep; });
    awaitQuiet(lock);
    if (stopping_) return;
    const std::int64_t held = log_pages_;
    lock.unlock();
    const auto moved = checkpoint(*own_);
    lock.lock();
    // Pages that a reader's snapshot still needs stay, and a disk may refuse: nothing is lost, the
    // log grows, and another look is worth its while after as many pages again.
    if (log_pages_ >= held) moved_ = std::max(moved.value_or(0), held);
  }
}

}  // namespace ccp::db
