// Requests that take a thread for seconds take turns: one of an organization at a time, and few of all, so that
// threads are left for everybody else. Thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "core/base/error.hpp"

namespace ccp::decisions {

class Turns {
 public:
  explicit Turns(std::size_t most) : most_(most) {}

  /// A turn that is over with its life.
  class Turn {
   public:
    Turn(Turns& turns, std::string who) : turns_(turns), who_(std::move(who)) {
      const std::lock_guard lock(turns_.mutex_);
      taken_ = turns_.busy_.size() < turns_.most_ && turns_.busy_.insert(who_).second;
    }
    ~Turn() {
      if (!taken_) return;
      const std::lock_guard lock(turns_.mutex_);
      turns_.busy_.erase(who_);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    /// `rate_limited`, with when to come back.
    Status check() const {
      if (taken_) return {};
      return fail(Error{Errc::rate_limited, "Decisions are being replayed or verified already; one of an organization at a time.", {}, 1});
    }

   private:
    Turns& turns_;
    const std::string who_;
    bool taken_ = false;
  };

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::set<std::string> busy_;
};

}  // namespace ccp::decisions
