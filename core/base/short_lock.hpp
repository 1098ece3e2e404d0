// A lock for what is held during some hundred instructions and no system call. Who finds it taken looks again
// for a moment before it sleeps: on a busy machine a thread that sleeps waits milliseconds for its turn, and
// with an event loop all of its connections do.
#pragma once

#include <mutex>

namespace ccp {

class ShortLock {
 public:
  explicit ShortLock(std::mutex& mutex) : mutex_(mutex) {
    constexpr int kLooks = 200;  // about a microsecond
    for (int i = 0; i < kLooks; ++i) {
      if (mutex_.try_lock()) return;
      pause();
    }
    mutex_.lock();
  }
  ~ShortLock() { mutex_.unlock(); }
  ShortLock(const ShortLock&) = delete;
  ShortLock& operator=(const ShortLock&) = delete;

 private:
  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }
  std::mutex& mutex_;
};

}  // namespace ccp
