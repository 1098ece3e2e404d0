// Wakes requests that wait for something to happen (Response::park): who changes something rings.
// A request that waits holds no thread; its event loop listens to the bell for it.
// Threads: thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/time.hpp"

namespace ccp::http {

class Bell {
 public:
  /// How often it has rung: take it before looking, so that nothing is missed.
  std::uint64_t rung() const;
  bool closed() const;
  /// Until it has rung more often than `seen`, `patience` is over (false), or it is closed (false).
  /// Holds the thread: for tests and tools.
  bool wait(std::uint64_t seen, Duration patience);
  void ring();
  /// Ends every wait, for good.
  void close();

  /// `heard` is called after each ring and after close(), on the thread of who rings: short, and
  /// without calling the bell. As long as the returned handle lives; a call may be under way when
  /// it goes.
  [[nodiscard]] std::shared_ptr<void> listen(std::function<void()> heard);

 private:
  void tell();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::weak_ptr<std::function<void()>>> listeners_;
  std::uint64_t rung_ = 0;
  bool closed_ = false;
};

}  // namespace ccp::http
