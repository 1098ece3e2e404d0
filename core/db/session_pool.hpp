// A bounded set of sessions, leased one by one; a broken or missing one is opened at the lease.
// Internal to core/db. Thread-safe; a Lease belongs to one thread and must not outlive the pool.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/db/session.hpp"

namespace ccp::db {

class SessionPool {
 public:
  using Factory = std::function<std::unique_ptr<Session>()>;

  /// Sessions are opened on first use. `max_waiting`: more waiting threads are refused at once.
  SessionPool(int size, Duration lease_timeout, std::size_t max_waiting, Factory factory);
  /// All leases must have ended.
  ~SessionPool();

  class Lease {
   public:
    Lease(SessionPool& pool, std::unique_ptr<Session> session) : pool_(&pool), session_(std::move(session)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (session_ || held_) pool_->giveBack(std::move(session_));
    }
    Session& operator*() { return *session_; }
    Session* operator->() { return session_.get(); }
    /// Throws the session away and opens another one; throws SqlError when that fails.
    void reopen() {
      session_.reset();
      session_ = pool_->factory_();
    }

   private:
    struct Held {
      bool value = true;
      Held() = default;
      Held(Held&& other) noexcept : value(std::exchange(other.value, false)) {}
      explicit operator bool() const noexcept { return value; }
    };
    SessionPool* pool_;
    Held held_;
    std::unique_ptr<Session> session_;
  };

  /// `overloaded` after the lease timeout, `unavailable` when no connection can be opened,
  /// `shutting_down` after close().
  Result<Lease> lease();
  /// Refuses new leases and waits for those that are out.
  void close();
  std::size_t waiting() const;

 private:
  friend class Lease;
  void giveBack(std::unique_ptr<Session> session);

  const std::size_t size_;
  const Duration timeout_;
  const std::size_t max_waiting_;
  Factory factory_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;     // one more lease may be given
  std::condition_variable all_back_;  // for close()
  std::vector<std::unique_ptr<Session>> idle_;
  std::size_t out_ = 0;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace ccp::db
