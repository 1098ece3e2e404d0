// Wakes long polls when something was published, and bounds how many of them hold a thread.
// Threads: thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "core/base/time.hpp"

namespace ccp::policies {

class Bell {
 public:
  /// `seats`: how many may wait at once.
  explicit Bell(int seats) : seats_(seats) {}

  /// One who may wait; false: all seats are taken, or the server stops.
  class Seat {
   public:
    explicit Seat(Bell& bell);
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    explicit operator bool() const noexcept { return taken_; }

   private:
    Bell& bell_;
    bool taken_;
  };

  /// How often it has rung: take it before looking, so that nothing is missed.
  std::uint64_t rung() const;
  /// Until it has rung more often than `seen`, `patience` is over (false), or the server stops (false).
  bool wait(std::uint64_t seen, Duration patience);
  void ring();
  /// Ends every wait, for good.
  void close();

 private:
  const int seats_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t rung_ = 0;
  int waiting_ = 0;
  bool closed_ = false;
};

}  // namespace ccp::policies
