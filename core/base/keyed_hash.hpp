// SipHash-2-4 with 128 bits under a key that only this process knows: names of cached secrets. To who does
// not know the key its values are random, so that nobody can aim at a bucket or at another's entry, and what
// a cache holds does not tell what it was made of. (BLAKE2b and SHA-256 took 5 to 8 times as long, a tenth of a
// whole request, and would need the key as well.) Threads: thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/random.hpp"

namespace ccp {

using Digest = std::array<std::uint8_t, 16>;

class KeyedHash {
 public:
  explicit KeyedHash(Random& random) { random.fill(key_); }
  Digest operator()(std::string_view text) const noexcept;

 private:
  std::array<std::uint8_t, 16> key_{};
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
