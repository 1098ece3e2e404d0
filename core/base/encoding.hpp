// Text encodings and hashes: strict in, canonical out.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace ccp {

using Bytes = std::vector<std::uint8_t>;

inline std::span<const std::uint8_t> bytesOf(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view textOf(std::span<const std::uint8_t> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// RFC 4648 section 5, no padding.
std::string base64UrlEncode(std::span<const std::uint8_t> bytes);
/// Refuses padding, foreign characters and non-canonical trailing bits (`bad_encoding`).
Result<Bytes> base64UrlDecode(std::string_view text);
/// RFC 4648 section 4, padded.
std::string base64Encode(std::span<const std::uint8_t> bytes);
Result<Bytes> base64Decode(std::string_view text);
std::string hexEncode(std::span<const std::uint8_t> bytes);
Result<Bytes> hexDecode(std::string_view text);
std::string base62Encode(std::span<const std::uint8_t> bytes);

/// application/x-www-form-urlencoded component.
std::string urlEncode(std::string_view text);
/// Decodes %XX; '+' is a space when `plus_is_space`. `bad_encoding` on a broken escape.
Result<std::string> urlDecode(std::string_view text, bool plus_is_space);

bool isValidUtf8(std::string_view text) noexcept;

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::span<const std::uint8_t> bytes);
/// Lower-case hex of SHA-256: how secrets that are only compared are stored.
std::string sha256Hex(std::string_view text);
/// Constant-time comparison of contents; lengths are not secret.
bool equalConstantTime(std::string_view a, std::string_view b) noexcept;

}  // namespace ccp
