// SHA-256 and HMAC for FakeHost, straight from FIPS 180-4 and RFC 2104: slow, plain, for tests only.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace ccp {
inline namespace sdk_v1 {
namespace testing {
namespace detail {

inline std::uint32_t rotateRight(std::uint32_t v, int n) noexcept { return (v >> n) | (v << (32 - n)); }

/// The first 32 bits of the fractional part of a root of the n-th prime, as the standard defines its
/// constants.
inline std::array<std::uint32_t, 64> primeRoots(int count, bool cube) {
  std::array<std::uint32_t, 64> out{};
  int found = 0;
  for (int n = 2; found < count; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
    if (!prime) continue;
    const long double root = cube ? std::cbrt(static_cast<long double>(n)) : std::sqrt(static_cast<long double>(n));
    const long double fraction = root - std::floor(root);
    out[static_cast<std::size_t>(found++)] = static_cast<std::uint32_t>(fraction * 4294967296.0L);
  }
  return out;
}

inline void compress(std::array<std::uint32_t, 8>& state, const unsigned char* block) {
  static const auto k = primeRoots(64, true);
  std::array<std::uint32_t, 64> w{};
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = (std::uint32_t{block[i * 4]} << 24) | (std::uint32_t{block[i * 4 + 1]} << 16) |
           (std::uint32_t{block[i * 4 + 2]} << 8) | std::uint32_t{block[i * 4 + 3]};
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t a = w[i - 15];
    const std::uint32_t b = w[i - 2];
    w[i] = w[i - 16] + (rotateRight(a, 7) ^ rotateRight(a, 18) ^ (a >> 3)) + w[i - 7] +
           (rotateRight(b, 17) ^ rotateRight(b, 19) ^ (b >> 10));
  }
  auto s = state;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const std::uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    const std::uint32_t t1 = s[7] + (rotateRight(s[4], 6) ^ rotateRight(s[4], 11) ^ rotateRight(s[4], 25)) + choice + k[i] + w[i];
    const std::uint32_t t2 = (rotateRight(s[0], 2) ^ rotateRight(s[0], 13) ^ rotateRight(s[0], 22)) + majority;
    s = {t1 + t2, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]};
  }
  for (std::size_t i = 0; i < 8; ++i) state[i] += s[i];
}

}  // namespace detail

inline std::string sha256(std::string_view message) {
  const auto roots = detail::primeRoots(8, false);
  std::array<std::uint32_t, 8> state{};
  for (std::size_t i = 0; i < 8; ++i) state[i] = roots[i];
  std::string padded(message);
  padded += static_cast<char>(0x80);
  while (padded.size() % 64 != 56) padded += '\0';
  const std::uint64_t bits = std::uint64_t{message.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) padded += static_cast<char>((bits >> shift) & 0xFF);
  for (std::size_t i = 0; i < padded.size(); i += 64) {
    detail::compress(state, reinterpret_cast<const unsigned char*>(padded.data()) + i);
  }
  std::string out;
  for (const std::uint32_t word : state) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((word >> shift) & 0xFF);
  }
  return out;
}

inline std::string hmacSha256(std::string_view key, std::string_view message) {
  std::string block(key.size() > 64 ? sha256(key) : std::string(key));
  block.resize(64, '\0');
  std::string inner, outer;
  for (const char c : block) {
    inner += static_cast<char>(c ^ 0x36);
    outer += static_cast<char>(c ^ 0x5c);
  }
  return sha256(outer + sha256(inner + std::string(message)));
}

}  // namespace testing
}  // namespace sdk_v1
}  // namespace ccp
