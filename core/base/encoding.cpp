#include "core/base/encoding.hpp"

#include <sodium.h>

#include <cstring>

namespace ccp {
namespace {

// By tables, not libsodium's constant-time code: webhook bodies and tokens pass here several times
// each, and that is eight times as fast. What is secret is compared as a hash or decoded once.
struct Base64 {
  const char* alphabet;
  bool padded;
  const char* what;
  std::array<std::uint8_t, 256> values;         ///< 64: not in the alphabet
  std::array<std::array<char, 2>, 4096> pairs;  ///< of twelve bits at once
};

constexpr std::uint8_t kForeign = 64;

constexpr Base64 base64Of(const char* alphabet, bool padded, const char* what) {
  Base64 out{alphabet, padded, what, {}, {}};
  out.values.fill(kForeign);
  for (std::uint8_t i = 0; i < 64; ++i) {
    out.values[static_cast<unsigned char>(alphabet[i])] = i;
    for (std::size_t next = 0; next < 64; ++next) out.pairs[i * 64U + next] = {alphabet[i], alphabet[next]};
  }
  return out;
}

constexpr Base64 kBase64 =
    base64Of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true, "padded base64");
constexpr Base64 kBase64Url = base64Of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                                       false, "base64url without padding");

std::string encode(const Base64& kind, std::span<const std::uint8_t> bytes) {
  const std::size_t rest = bytes.size() % 3;
  const std::size_t whole = bytes.size() - rest;
  const std::size_t tail = rest == 0 ? 0 : kind.padded ? 4 : rest + 1;
  std::string out(whole / 3 * 4 + tail, '=');
  char* to = out.data();
  const auto put = [&](std::uint32_t bits, int digits) {
    for (int i = 0; i < digits; ++i) *to++ = kind.alphabet[(bits >> (18 - 6 * i)) & 63];
  };
  for (std::size_t i = 0; i < whole; i += 3) {
    const auto bits = static_cast<std::uint32_t>(bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2]);
    for (const auto twelve : {bits >> 12, bits & 4095}) {
      std::memcpy(to, kind.pairs[twelve].data(), 2);
      to += 2;
    }
  }
  if (rest == 1) put(static_cast<std::uint32_t>(bytes[whole] << 16), 2);
  if (rest == 2) put(static_cast<std::uint32_t>(bytes[whole] << 16 | bytes[whole + 1] << 8), 3);
  return out;
}

/// One text for one value: length, padding and the unused bits of the last digit must be as encode()
/// makes them.
Result<Bytes> decode(const Base64& kind, std::string_view text) {
  const auto refuse = [&] { return fail(Errc::bad_encoding, std::string("Not ") + kind.what + "."); };
  if (kind.padded) {
    if (text.size() % 4 != 0) return refuse();
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return refuse();
  Bytes out(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1));
  std::uint8_t* to = out.data();
  std::uint32_t foreign = 0;
  const auto value = [&](char c) -> std::uint32_t {
    const std::uint32_t v = kind.values[static_cast<unsigned char>(c)];
    foreign |= v;
    return v;
  };
  const std::size_t whole = text.size() - rest;
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t bits = value(text[i]) << 18 | value(text[i + 1]) << 12 | value(text[i + 2]) << 6 | value(text[i + 3]);
    *to++ = static_cast<std::uint8_t>(bits >> 16);
    *to++ = static_cast<std::uint8_t>(bits >> 8);
    *to++ = static_cast<std::uint8_t>(bits);
  }
  std::uint32_t unused = 0;
  if (rest != 0) {
    const std::uint32_t bits = value(text[whole]) << 18 | value(text[whole + 1]) << 12 | (rest == 3 ? value(text[whole + 2]) << 6 : 0);
    *to++ = static_cast<std::uint8_t>(bits >> 16);
    if (rest == 3) *to++ = static_cast<std::uint8_t>(bits >> 8);
    unused = bits & (rest == 3 ? 0xFF : 0xFFFF);
  }
  if (foreign >= kForeign || unused != 0) return refuse();
  return out;
}

constexpr char kBase62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Behind the ASCII that stands from `at` on, eight characters at a time; at least `at`.
std::size_t behindAscii(std::string_view text, std::size_t at) noexcept {
  std::uint64_t word = 0;
  for (; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  return at;
}

}  // namespace

std::string base64UrlEncode(std::span<const std::uint8_t> bytes) { return encode(kBase64Url, bytes); }
Result<Bytes> base64UrlDecode(std::string_view text) { return decode(kBase64Url, text); }
std::string base64Encode(std::span<const std::uint8_t> bytes) { return encode(kBase64, bytes); }
Result<Bytes> base64Decode(std::string_view text) { return decode(kBase64, text); }

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
      i = behindAscii(text, i + 1);
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
