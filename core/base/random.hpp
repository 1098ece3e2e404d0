// Randomness and identifiers, behind an interface so that tests can seed them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/encoding.hpp"
#include "core/base/time.hpp"

namespace ccp {

/// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  /// The same for ids and other values that everybody may see: may come from a pool in memory.
  virtual void fillPublic(std::span<std::uint8_t> out) { fill(out); }
  Bytes bytes(std::size_t n);
  /// Uniform in [0, bound); bound > 0.
  std::uint32_t below(std::uint32_t bound);
};

/// libsodium's generator. Constructing one calls sodium_init() and throws when that fails.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  void fill(std::span<std::uint8_t> out) override;
  void fillPublic(std::span<std::uint8_t> out) override;
};

/// `<prefix>_<ULID in lower case>`: sortable by time, 80 random bits (product.md, Conventions).
std::string newId(std::string_view prefix, const Clock& clock, Random& random);
/// True for `<prefix>_` + 26 Crockford characters in lower case.
bool isId(std::string_view text, std::string_view prefix) noexcept;
/// 256 random bits in base64url: opaque tokens.
std::string newToken(Random& random);

}  // namespace ccp
