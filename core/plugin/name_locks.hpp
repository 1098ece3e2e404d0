// Lets one control operation at a time work on a name; operations on different names do not wait for each
// other. Thread-safe.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ccp::plugin {

class NameLocks {
 public:
  class Held {
   public:
    Held() = default;
    Held(NameLocks& locks, std::vector<std::string> names) noexcept : locks_(&locks), names_(std::move(names)) {}
    Held(Held&& other) noexcept : locks_(std::exchange(other.locks_, nullptr)), names_(std::move(other.names_)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (locks_) locks_->release(names_);
    }
    /// False: the locks were closed.
    explicit operator bool() const noexcept { return locks_ != nullptr; }

   private:
    NameLocks* locks_ = nullptr;
    std::vector<std::string> names_;
  };

  /// Waits until all of the names are free and takes them together, so that nobody waits for a part.
  Held take(std::vector<std::string> names) {
    std::unique_lock lock(mutex_);
    const auto is_free = [&] { return std::none_of(names.begin(), names.end(), [this](const auto& name) { return busy_.count(name) > 0; }); };
    changed_.wait(lock, [&] { return closed_ || is_free(); });
    if (closed_) return {};
    busy_.insert(names.begin(), names.end());
    return {*this, std::move(names)};
  }
  /// Nothing can be taken from now on; waits for what is held.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return busy_.empty(); });
  }

 private:
  void release(const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    for (const auto& name : names) busy_.erase(name);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> busy_;
  bool closed_ = false;
};

}  // namespace ccp::plugin
