#include "core/base/random.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace ccp {
namespace {
constexpr char kCrockford[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kUlidLength = 26;
}  // namespace

Bytes Random::bytes(std::size_t n) {
  Bytes out(n);
  fill(out);
  return out;
}

std::uint32_t Random::below(std::uint32_t bound) {
  // Rejection sampling: no modulo bias.
  const std::uint32_t limit = UINT32_MAX - UINT32_MAX % bound;
  for (;;) {
    std::uint8_t raw[4];
    fill(raw);
    const std::uint32_t value = static_cast<std::uint32_t>(raw[0]) << 24 | static_cast<std::uint32_t>(raw[1]) << 16 |
                                static_cast<std::uint32_t>(raw[2]) << 8 | raw[3];
    if (value < limit) return value % bound;
  }
}

SystemRandom::SystemRandom() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
}

void SystemRandom::fill(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

void SystemRandom::fillPublic(std::span<std::uint8_t> out) {
  // A call of the system for every id costs more than the rest of it.
  thread_local std::array<std::uint8_t, 4096> pool;
  thread_local std::size_t left = 0;
  if (out.size() > pool.size()) return fill(out);
  if (left < out.size()) {
    randombytes_buf(pool.data(), pool.size());
    left = pool.size();
  }
  left -= out.size();
  std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(left), out.size(), out.begin());
}

std::string newId(std::string_view prefix, const Clock& clock, Random& random) {
  std::uint8_t raw[16];
  auto ms = static_cast<std::uint64_t>(toMicros(clock.now()) / 1000);
  for (int i = 5; i >= 0; --i, ms >>= 8) raw[i] = static_cast<std::uint8_t>(ms & 0xFF);
  random.fillPublic(std::span<std::uint8_t>(raw + 6, 10));
  std::string out(prefix);
  out += '_';
  // 128 bits in 26 characters of 5 bits: the first carries 3 bits.
  unsigned accumulator = 0;
  int bits = 2;  // two leading zero bits make 130
  for (const auto byte : raw) {
    accumulator = accumulator << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += kCrockford[accumulator >> bits & 31U];
    }
    accumulator &= (1U << bits) - 1;
  }
  return out;
}

bool isId(std::string_view text, std::string_view prefix) noexcept {
  if (text.size() != prefix.size() + 1 + kUlidLength || !text.starts_with(prefix) || text[prefix.size()] != '_') return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(prefix.size()) + 1, text.end(),
                     [](char c) { return std::string_view(kCrockford).find(c) != std::string_view::npos; });
}

std::string newToken(Random& random) { return base64UrlEncode(random.bytes(32)); }

}  // namespace ccp
