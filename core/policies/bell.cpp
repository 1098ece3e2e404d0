#include "core/policies/bell.hpp"

namespace ccp::policies {

Bell::Seat::Seat(Bell& bell) : bell_(bell) {
  const std::lock_guard lock(bell_.mutex_);
  taken_ = !bell_.closed_ && bell_.waiting_ < bell_.seats_;
  if (taken_) ++bell_.waiting_;
}

Bell::Seat::~Seat() {
  if (!taken_) return;
  const std::lock_guard lock(bell_.mutex_);
  --bell_.waiting_;
}

std::uint64_t Bell::rung() const {
  const std::lock_guard lock(mutex_);
  return rung_;
}

bool Bell::wait(std::uint64_t seen, Duration patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [&] { return closed_ || rung_ != seen; });
  return !closed_ && rung_ != seen;
}

void Bell::ring() {
  {
    const std::lock_guard lock(mutex_);
    ++rung_;
  }
  changed_.notify_all();
}

void Bell::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace ccp::policies
