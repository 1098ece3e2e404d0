#include "policy/engine/arena.hpp"

#include <algorithm>
#include <cstring>

namespace ccp::policy {

Arena::Arena(std::size_t region) noexcept {
  if (region == 0) return;
  region_.reset(static_cast<std::byte*>(std::malloc(region)));
  if (!region_) return;
  size_ = region;
  next_ = region_.get();
  end_ = next_ + region;
}

void* Arena::outside(std::size_t size) noexcept {
  void* out = std::malloc(size);
  if (out != nullptr) outside_ += size;
  return out;
}

void* Arena::resize(void* block, std::size_t old_size, std::size_t new_size) noexcept {
  if (!inside(block)) {
    void* out = std::realloc(block, new_size);
    if (out == nullptr) return nullptr;
    outside_ += new_size;
    outside_ -= old_size;
    return out;
  }
  if (classOf(old_size) == classOf(new_size)) return block;
  void* out = allocate(new_size);
  // A block may serve as a smaller one; it is released as such.
  if (out == nullptr) return new_size < old_size ? block : nullptr;
  std::memcpy(out, block, std::min(old_size, new_size));
  release(block, old_size);
  return out;
}

}  // namespace ccp::policy
