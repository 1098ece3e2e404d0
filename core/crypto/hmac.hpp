// HMAC-SHA256 as providers sign their webhooks. By OpenSSL, which uses the processor's SHA instructions: for a
// body of some KiB a tenth of what libsodium's portable code takes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace ccp::crypto {

/// RFC 2104, with a key of any length.
std::array<std::uint8_t, 32> hmacSha256(std::span<const std::uint8_t> key, std::span<const std::uint8_t> message);

}  // namespace ccp::crypto
