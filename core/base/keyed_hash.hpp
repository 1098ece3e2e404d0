// BLAKE2b-256 under a key that only this process knows: names of cached secrets. Nobody can aim at a
// bucket, and what a cache holds does not tell what it was made of. Threads: thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/random.hpp"

namespace ccp {

using Digest = std::array<std::uint8_t, 32>;

class KeyedHash {
 public:
  explicit KeyedHash(Random& random) { random.fill(key_); }
  Digest operator()(std::string_view text) const noexcept;

 private:
  std::array<std::uint8_t, 32> key_{};
};

/// For unordered containers: a digest is uniform already.
struct DigestHash {
  std::size_t operator()(const Digest& digest) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, digest.data(), sizeof(out));
    return out;
  }
};

}  // namespace ccp
