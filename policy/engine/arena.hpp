// Memory of one interpreter: small blocks side by side in one region, in lists by size; what does not fit and large
// blocks are malloc's. It costs a fifth of malloc, and an interpreter that has not run for a while comes back with
// few cache lines and pages. The region is bounded, so that no order of sizes makes it hold much more than is in
// use, and full or missing it refuses nothing: what a program may do never depends on what ran before.
// Threads: one at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "policy/engine/slow_build.hpp"

namespace ccp::policy {

class Arena {
 public:
  /// Twice what an ordinary program and its runs need; pages that nobody touched cost nothing.
  static constexpr std::size_t kRegion = 64u << 10;
  static constexpr std::size_t kLargest = 1024;  ///< of the blocks in the region

  /// Builds with sanitizers have no region, so that they see each block.
  explicit Arena(std::size_t region = kSlowBuild ? 0 : kRegion) noexcept;

  void* allocate(std::size_t size) noexcept {
    if (size <= kLargest) {
      const std::size_t at = classOf(size);
      if (Free* block = free_[at]) {
        free_[at] = block->next;
        return block;
      }
      if (const std::size_t rounded = at * kGrain; static_cast<std::size_t>(end_ - next_) >= rounded) {
        void* out = next_;
        next_ += rounded;
        return out;
      }
    }
    return outside(size);
  }
  void release(void* block, std::size_t size) noexcept {
    if (inside(block)) {
      Free*& head = free_[classOf(size)];
      head = new (block) Free{head};
    } else {
      outside_ -= size;
      std::free(block);
    }
  }
  /// nullptr leaves the old block as it is; smaller always succeeds.
  void* resize(void* block, std::size_t old_size, std::size_t new_size) noexcept;

  /// What the process gave, in use or not.
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(next_ - region_.get()) + outside_; }

 private:
  static constexpr std::size_t kGrain = 16;

  struct Free {
    Free* next;
  };
  struct Release {
    void operator()(std::byte* region) const noexcept { std::free(region); }
  };
  static std::size_t classOf(std::size_t size) noexcept { return (size + kGrain - 1) / kGrain; }
  bool inside(const void* block) const noexcept {
    return reinterpret_cast<std::uintptr_t>(block) - reinterpret_cast<std::uintptr_t>(region_.get()) < size_;
  }
  void* outside(std::size_t size) noexcept;

  std::array<Free*, kLargest / kGrain + 1> free_{};
  std::unique_ptr<std::byte, Release> region_;
  std::size_t size_ = 0;
  std::byte* next_ = nullptr;  ///< from here to `end_` nothing was ever used
  std::byte* end_ = nullptr;
  std::size_t outside_ = 0;
};

}  // namespace ccp::policy
