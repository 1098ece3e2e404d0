#include "core/base/encoding.hpp"

#include <sodium.h>

namespace ccp {
namespace {

std::string sodiumBase64(std::span<const std::uint8_t> bytes, int variant) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), variant);
  out.pop_back();  // the terminating NUL
  return out;
}

Result<Bytes> sodiumFromBase64(std::string_view text, int variant, const char* what) {
  Bytes out(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  const int rc = sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end, variant);
  if (rc != 0 || end != text.data() + text.size()) return fail(Errc::bad_encoding, std::string("Not ") + what + ".");
  out.resize(size);
  // libsodium refuses non-zero trailing bits; re-encoding also refuses whatever else is not canonical.
  if (sodiumBase64(out, variant) != text) return fail(Errc::bad_encoding, std::string("Not canonical ") + what + ".");
  return out;
}

constexpr char kBase62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string base64UrlEncode(std::span<const std::uint8_t> bytes) {
  return sodiumBase64(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
Result<Bytes> base64UrlDecode(std::string_view text) {
  return sodiumFromBase64(text, sodium_base64_VARIANT_URLSAFE_NO_PADDING, "base64url without padding");
}
std::string base64Encode(std::span<const std::uint8_t> bytes) {
  return sodiumBase64(bytes, sodium_base64_VARIANT_ORIGINAL);
}
Result<Bytes> base64Decode(std::string_view text) {
  return sodiumFromBase64(text, sodium_base64_VARIANT_ORIGINAL, "padded base64");
}

std::string hexEncode(std::span<const std::uint8_t> bytes) {
  std::string out(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
  out.pop_back();
  return out;
}

Result<Bytes> hexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Errc::bad_encoding, "Not hexadecimal: odd length.");
  Bytes out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = hexDigit(text[2 * i]);
    const int low = hexDigit(text[2 * i + 1]);
    if (high < 0 || low < 0) return fail(Errc::bad_encoding, "Not hexadecimal.");
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return out;
}

std::string base62Encode(std::span<const std::uint8_t> bytes) {
  Bytes number(bytes.begin(), bytes.end());
  std::string out;
  // Schoolbook division by 62; the inputs are keys of 32 bytes.
  while (!number.empty()) {
    unsigned remainder = 0;
    Bytes quotient;
    for (const auto byte : number) {
      const unsigned value = remainder * 256 + byte;
      remainder = value % 62;
      if (!quotient.empty() || value / 62 != 0) quotient.push_back(static_cast<std::uint8_t>(value / 62));
    }
    out.insert(out.begin(), kBase62[remainder]);
    number = std::move(quotient);
  }
  const std::size_t width = (bytes.size() * 8 * 1000 + 5953) / 5954;  // 62^width >= 256^size
  if (out.size() < width) out.insert(0, width - out.size(), '0');
  return out;
}

std::string urlEncode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '-' ||
                       u == '.' || u == '_' || u == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += digits[u >> 4];
      out += digits[u & 15];
    }
  }
  return out;
}

Result<std::string> urlDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(Errc::bad_encoding, "Broken percent escape.");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool isValidUtf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = 1;
    std::uint32_t point = lead;
    std::uint32_t smallest = 0;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if ((lead & 0xE0) == 0xC0) {
      length = 2, point = lead & 0x1FU, smallest = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
      length = 3, point = lead & 0x0FU, smallest = 0x800;
    } else if ((lead & 0xF8) == 0xF0) {
      length = 4, point = lead & 0x07U, smallest = 0x10000;
    } else {
      return false;
    }
    if (i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3FU);
    }
    if (point < smallest || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

Sha256 sha256(std::span<const std::uint8_t> bytes) {
  Sha256 out{};
  crypto_hash_sha256(out.data(), bytes.data(), bytes.size());
  return out;
}

std::string sha256Hex(std::string_view text) { return hexEncode(sha256(bytesOf(text))); }

bool equalConstantTime(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ccp
