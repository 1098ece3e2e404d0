#include "core/db/session_pool.hpp"

namespace ccp::db {

SessionPool::SessionPool(int size, Duration lease_timeout, std::size_t max_waiting, Factory factory)
    : size_(size > 0 ? static_cast<std::size_t>(size) : 1),
      timeout_(lease_timeout),
      max_waiting_(max_waiting),
      factory_(std::move(factory)) {}

SessionPool::~SessionPool() { close(); }

Result<SessionPool::Lease> SessionPool::lease() {
  std::unique_ptr<Session> session;
  {
    std::unique_lock lock(mutex_);
    if (!closed_ && out_ >= size_) {
      if (waiting_ >= max_waiting_) {
        return fail(Error{Errc::overloaded, "too many units of work wait for the database", {}, 1});
      }
      ++waiting_;
      const bool got = freed_.wait_for(lock, timeout_, [&] { return closed_ || out_ < size_; });
      --waiting_;
      if (!got) return fail(Error{Errc::overloaded, "no database connection became free in time", {}, 1});
    }
    if (closed_) return fail(Error{Errc::shutting_down, "the database is closed", {}, 1});
    ++out_;
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (session && !session->alive()) session.reset();
  if (!session) {
    try {
      session = factory_();
    } catch (const SqlError& error) {
      giveBack(nullptr);
      return fail(error.error());
    }
  }
  return Lease(*this, std::move(session));
}

void SessionPool::giveBack(std::unique_ptr<Session> session) {
  // A session in the middle of a transaction, or with a dead connection, is not given to the next.
  if (session && (!session->alive() || session->inTransaction())) session.reset();
  {
    std::lock_guard lock(mutex_);
    --out_;
    if (session && !closed_) idle_.push_back(std::move(session));
    if (closed_ && out_ == 0) all_back_.notify_all();
  }
  freed_.notify_one();
}

void SessionPool::close() {
  std::vector<std::unique_ptr<Session>> idle;
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    freed_.notify_all();
    all_back_.wait(lock, [&] { return out_ == 0; });
    idle.swap(idle_);
  }
}

std::size_t SessionPool::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

}  // namespace ccp::db
