// Group commit for a thing that many callers write at the same moment: what waits is written in one
// unit of work, by one of those who wait. On SQLite the writer groups units already and this saves
// their savepoints; on PostgreSQL it turns a commit for each caller into a commit for all of them
// (docs/adr/0026-write-path.md). An item that the database refuses fails alone.
// Threads: write() from any; the Batcher outlives its callers.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/db/db.hpp"

namespace ccp::db {

struct BatcherOptions {
  std::size_t most = 256;           ///< items in one unit of work
  std::size_t most_waiting = 4096;  ///< beyond it `overloaded`
  int lanes = 2;                    ///< units of work at once
};

template <class Item, class Answer>
class Batcher {
 public:
  /// Writes the items and answers for each, in order. Runs at READ COMMITTED, in system scope; may
  /// run again, also with one item alone, so it touches nothing but the Tx.
  using Write = std::function<Result<std::vector<Answer>>(Tx&, const std::vector<const Item*>&)>;

  Batcher(Db& db, Write write, BatcherOptions options = {})
      : db_(db), write_(std::move(write)), options_(options) {}

  /// Returns after the commit that holds this item. `overloaded`, or what refused it.
  Result<Answer> write(const Item& item) {
    const auto me = std::make_shared<Waiting>(item);
    std::unique_lock lock(mutex_);
    if (waiting_.size() >= options_.most_waiting)
      return fail(Error{Errc::overloaded, "too many writes wait for the database", {}, 1});
    waiting_.push_back(me);
    for (;;) {
      // Who was woken to lead may find that another unit of work has its item by now.
      if (!me->taken && !scheduled_ && writing_ < options_.lanes) lead(lock);
      lock.unlock();
      if (auto answer = me->wait()) return std::move(*answer);
      lock.lock();
    }
  }

  /// Items whose unit of work has not begun.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  /// One who waits, with a lock of its own: a hundred who wake at once, each to take the Batcher's,
  /// would be a queue of its own.
  struct Waiting {
    explicit Waiting(const Item& what) : item(&what) {}
    /// The answer; nothing: one's turn to lead, perhaps.
    std::optional<Result<Answer>> wait() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return answer || lead; });
      lead = false;
      return std::move(answer);
    }
    void tell(std::optional<Result<Answer>> what) {
      {
        const std::lock_guard lock(mutex);
        if (what)
          answer = std::move(what);
        else
          lead = true;
      }
      changed.notify_one();
    }

    const Item* item;
    bool taken = false;  ///< into a unit of work that has begun; under the Batcher's lock

   private:
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Result<Answer>> answer;
    bool lead = false;
  };
  using Batch = std::vector<std::shared_ptr<Waiting>>;

  Batch take() {
    Batch out;
    while (!waiting_.empty() && out.size() < options_.most) {
      out.push_back(std::move(waiting_.front()));
      out.back()->taken = true;
      waiting_.pop_front();
    }
    return out;
  }

  /// Writes what waits at the moment in which the database is ready for it, not at this one.
  void lead(std::unique_lock<std::mutex>& lock) {
    scheduled_ = true;
    lock.unlock();
    Batch batch;
    auto answers = db_.writeReadCommitted(Scope::system(), [&](Tx& tx) {
      if (batch.empty()) {
        const std::lock_guard inner(mutex_);
        batch = take();
        scheduled_ = false;
        ++writing_;
      }
      return write_(tx, itemsOf(batch));
    });
    const bool began = !batch.empty();
    std::vector<Result<Answer>> each;
    if (began) each = settle(batch, std::move(answers));
    lock.lock();
    if (began) {
      --writing_;
    } else {
      // Nothing was begun: the same refusal for everybody who waits.
      scheduled_ = false;
      batch = take();
      each.assign(batch.size(), fail(answers.error()));
    }
    const auto next = waiting_.empty() ? nullptr : waiting_.front();
    lock.unlock();
    if (next) next->tell({});
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->tell(std::move(each[i]));
    lock.lock();
  }

  std::vector<Result<Answer>> settle(const Batch& batch, Result<std::vector<Answer>> answers) {
    std::vector<Result<Answer>> out;
    out.reserve(batch.size());
    if (answers) {
      for (std::size_t i = 0; i < batch.size(); ++i)
        out.emplace_back(Answer(std::move((*answers)[i])));
      return out;
    }
    const Errc code = answers.error().code;
    const bool of_one =
        batch.size() > 1 && (code == Errc::conflict || code == Errc::bad_encoding ||
                             code == Errc::validation_failed || code == Errc::internal);
    for (const auto& waiting : batch) {
      if (!of_one) {
        out.emplace_back(fail(answers.error()));
        continue;
      }
      auto alone = db_.writeReadCommitted(Scope::system(),
                                          [&](Tx& tx) { return write_(tx, {waiting->item}); });
      if (alone)
        out.emplace_back(Answer(std::move(alone->front())));
      else
        out.emplace_back(fail(alone.error()));
    }
    return out;
  }

  static std::vector<const Item*> itemsOf(const Batch& batch) {
    std::vector<const Item*> out;
    out.reserve(batch.size());
    for (const auto& waiting : batch) out.push_back(waiting->item);
    return out;
  }

  Db& db_;
  const Write write_;
  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  bool scheduled_ = false;  ///< a unit of work was handed over and has not begun
  int writing_ = 0;
};

}  // namespace ccp::db
