#include "core/http/bell.hpp"

namespace ccp::http {

std::uint64_t Bell::rung() const {
  const std::lock_guard lock(mutex_);
  return rung_;
}

bool Bell::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
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
  tell();
}

void Bell::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  tell();
}

std::shared_ptr<void> Bell::listen(std::function<void()> heard) {
  auto listener = std::make_shared<std::function<void()>>(std::move(heard));
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [](const auto& known) { return known.expired(); });
  listeners_.push_back(listener);
  return listener;
}

void Bell::tell() {
  changed_.notify_all();
  std::vector<std::weak_ptr<std::function<void()>>> listeners;
  {
    const std::lock_guard lock(mutex_);
    listeners = listeners_;
  }
  for (const auto& known : listeners) {
    if (const auto listener = known.lock()) (*listener)();
  }
}

}  // namespace ccp::http
