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
  std::size_t most = 256;           ///< items in one unit of work; more when one caller brings more
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
  Result<Answer> write(const Item& item) { return std::move(writeAll({&item}).front()); }

  /// The same for several items of one caller, which get into the same unit of work; an answer for
  /// each.
  std::vector<Result<Answer>> writeAll(std::vector<const Item*> items) {
    if (items.empty()) return {};
    const auto me = std::make_shared<Waiting>(std::move(items));
    std::unique_lock lock(mutex_);
    if (count_ >= options_.most_waiting)
      return me->refused(Error{Errc::overloaded, "too many writes wait for the database", {}, 1});
    waiting_.push_back(me);
    count_ += me->items.size();
    for (;;) {
      // Who was woken to lead may find that another unit of work has its item by now.
      if (!me->taken && !scheduled_ && writing_ < options_.lanes) lead(lock);
      lock.unlock();
      if (auto answers = me->wait()) return std::move(*answers);
      lock.lock();
    }
  }

  /// Items whose unit of work has not begun.
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  using Answers = std::vector<Result<Answer>>;

  /// One who waits, with a lock of its own: a hundred who wake at once, each to take the Batcher's,
  /// would be a queue of its own.
  struct Waiting {
    explicit Waiting(std::vector<const Item*> what) : items(std::move(what)) {}
    /// The answers; nothing: one's turn to lead, perhaps.
    std::optional<Answers> wait() {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return answers || lead; });
      lead = false;
      return std::move(answers);
    }
    void tell(std::optional<Answers> what) {
      {
        const std::lock_guard lock(mutex);
        if (what)
          answers = std::move(what);
        else
          lead = true;
      }
      changed.notify_one();
    }
    Answers refused(const Error& error) const {
      return Answers(items.size(), Result<Answer>(fail(error)));
    }

    const std::vector<const Item*> items;
    bool taken = false;  ///< into a unit of work that has begun; under the Batcher's lock

   private:
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<Answers> answers;
    bool lead = false;
  };
  using Batch = std::vector<std::shared_ptr<Waiting>>;

  Batch take() {
    Batch out;
    std::size_t taken = 0;
    while (!waiting_.empty() &&
           (taken == 0 || taken + waiting_.front()->items.size() <= options_.most)) {
      out.push_back(std::move(waiting_.front()));
      out.back()->taken = true;
      waiting_.pop_front();
      taken += out.back()->items.size();
    }
    count_ -= taken;
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
    std::vector<Answers> each;
    if (began) each = settle(batch, std::move(answers));
    lock.lock();
    if (began) {
      --writing_;
    } else {
      // Nothing was begun: the same refusal for everybody who waits.
      scheduled_ = false;
      batch = take();
      for (const auto& waiting : batch) each.push_back(waiting->refused(answers.error()));
    }
    const auto next = waiting_.empty() ? nullptr : waiting_.front();
    lock.unlock();
    if (next) next->tell({});
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i]->tell(std::move(each[i]));
    lock.lock();
  }

  std::vector<Answers> settle(const Batch& batch, Result<std::vector<Answer>> answers) {
    std::vector<Answers> out;
    out.reserve(batch.size());
    if (answers) {
      auto next = answers->begin();
      for (const auto& waiting : batch) {
        out.emplace_back();
        for (std::size_t i = 0; i < waiting->items.size(); ++i)
          out.back().emplace_back(Answer(std::move(*next++)));
      }
      return out;
    }
    const Errc code = answers.error().code;
    const bool of_one = (batch.size() > 1 || batch.front()->items.size() > 1) &&
                        (code == Errc::conflict || code == Errc::bad_encoding ||
                         code == Errc::validation_failed || code == Errc::internal);
    for (const auto& waiting : batch) {
      out.push_back(of_one ? alone(waiting->items) : waiting->refused(answers.error()));
    }
    return out;
  }

  /// Each in a unit of work of its own.
  Answers alone(const std::vector<const Item*>& items) {
    Answers out;
    for (const Item* item : items) {
      auto answer =
          db_.writeReadCommitted(Scope::system(), [&](Tx& tx) { return write_(tx, {item}); });
      if (answer)
        out.emplace_back(Answer(std::move(answer->front())));
      else
        out.emplace_back(fail(answer.error()));
    }
    return out;
  }

  static std::vector<const Item*> itemsOf(const Batch& batch) {
    std::vector<const Item*> out;
    for (const auto& waiting : batch)
      out.insert(out.end(), waiting->items.begin(), waiting->items.end());
    return out;
  }

  Db& db_;
  const Write write_;
  const BatcherOptions options_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  std::size_t count_ = 0;   ///< items of those
  bool scheduled_ = false;  ///< a unit of work was handed over and has not begun
  int writing_ = 0;
};

}  // namespace ccp::db
