// How many bytes of request bodies the server keeps at once, over all connections: credentials are
// checked when a body is complete, so that strangers could fill the memory otherwise.
// Threads: thread-safe; a Hold belongs to one at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace ccp::http {

class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes) noexcept : bytes_(bytes) {}

  /// A share of the budget; given back when it is dropped.
  class Hold {
   public:
    Hold() = default;
    ~Hold() { release(); }
    Hold(Hold&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        release();
        budget_ = std::exchange(other.budget_, nullptr);
        bytes_ = std::exchange(other.bytes_, 0);
      }
      return *this;
    }
    /// `more` bytes from `budget`; false, and nothing changed, when they are not there.
    bool grow(BodyBudget& budget, std::size_t more) noexcept {
      if (!budget.take(more)) return false;
      budget_ = &budget;
      bytes_ += more;
      return true;
    }
    void release() noexcept {
      if (budget_ != nullptr) budget_->used_ -= bytes_;
      budget_ = nullptr;
      bytes_ = 0;
    }

   private:
    BodyBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
  };

  std::size_t used() const noexcept { return used_; }
  std::size_t size() const noexcept { return bytes_; }

 private:
  bool take(std::size_t more) noexcept {
    std::size_t used = used_.load();
    do {
      if (more > bytes_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + more));
    return true;
  }

  const std::size_t bytes_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace ccp::http
