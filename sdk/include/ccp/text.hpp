// Text forms that providers and the contract use: times, base64, hex, form encoding. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace ccp {
inline namespace sdk_v1 {

/// Compares contents in constant time; lengths are not secret.
inline bool equalConstantTime(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  volatile unsigned char diff = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    diff = static_cast<unsigned char>(diff | static_cast<unsigned char>(a[i] ^ b[i]));
  }
  return diff == 0;
}

inline std::string hexEncode(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}
/// Both cases of digits; nothing on any other character or an odd length.
inline std::optional<std::string> hexDecode(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int hi = digit(text[i]);
    const int lo = digit(text[i + 1]);
    if (hi < 0 || lo < 0) return std::nullopt;
    out += static_cast<char>(hi * 16 + lo);
  }
  return out;
}

namespace detail {
inline constexpr const char* kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
inline constexpr const char* kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
inline std::string base64(std::string_view bytes, const char* alphabet, bool pad) {
  std::string out;
  std::uint32_t acc = 0;
  int bits = 0;
  for (const char c : bytes) {
    acc = (acc << 8) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += alphabet[(acc >> bits) & 63];
    }
  }
  if (bits > 0) out += alphabet[(acc << (6 - bits)) & 63];
  while (pad && out.size() % 4 != 0) out += '=';
  return out;
}
inline std::optional<std::string> unbase64(std::string_view text, char c62, char c63, bool pad) {
  if (pad) {
    if (text.size() % 4 != 0) return std::nullopt;
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  static constexpr std::uint8_t kNone = 128;  // no six bits have it
  std::array<std::uint8_t, 256> values;
  values.fill(kNone);
  for (std::uint8_t v = 0; v < 62; ++v) values[static_cast<unsigned char>(kBase64[v])] = v;
  values[static_cast<unsigned char>(c62)] = 62;
  values[static_cast<unsigned char>(c63)] = 63;
  const std::size_t rest = text.size() % 4;
  std::string out(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1), '\0');
  char* to = out.data();
  std::uint32_t foreign = 0;
  const auto value = [&](std::size_t at) -> std::uint32_t {
    const std::uint32_t v = values[static_cast<unsigned char>(text[at])];
    foreign |= v;
    return v;
  };
  const std::size_t whole = text.size() - rest;
  for (std::size_t i = 0; i < whole; i += 4) {
    const std::uint32_t bits = value(i) << 18 | value(i + 1) << 12 | value(i + 2) << 6 | value(i + 3);
    *to++ = static_cast<char>(bits >> 16 & 0xFF);
    *to++ = static_cast<char>(bits >> 8 & 0xFF);
    *to++ = static_cast<char>(bits & 0xFF);
  }
  std::uint32_t unused = 0;
  if (rest != 0) {
    const std::uint32_t bits = value(whole) << 18 | value(whole + 1) << 12 | (rest == 3 ? value(whole + 2) << 6 : 0);
    *to++ = static_cast<char>(bits >> 16 & 0xFF);
    if (rest == 3) *to++ = static_cast<char>(bits >> 8 & 0xFF);
    unused = bits & (rest == 3 ? 0xFFu : 0xFFFFu);
  }
  if ((foreign & kNone) != 0 || unused != 0) return std::nullopt;  // foreign, or two texts for one value
  return out;
}
}  // namespace detail

/// RFC 4648 section 4, padded.
inline std::string base64Encode(std::string_view bytes) { return detail::base64(bytes, detail::kBase64, true); }
inline std::optional<std::string> base64Decode(std::string_view text) { return detail::unbase64(text, '+', '/', true); }
/// RFC 4648 section 5, no padding: how bytes travel in the contract's JSON.
inline std::string base64UrlEncode(std::string_view bytes) { return detail::base64(bytes, detail::kBase64Url, false); }
inline std::optional<std::string> base64UrlDecode(std::string_view text) { return detail::unbase64(text, '-', '_', false); }

/// One component of application/x-www-form-urlencoded or of a path.
inline std::string urlEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto b = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[b >> 4];
      out += kDigits[b & 15];
    }
  }
  return out;
}

namespace detail {
// Days of the proleptic Gregorian calendar since 1970-01-01, and back; exact for every int64 day that a
// four-digit year can name. Works in eras of 400 years that start in March.
inline std::int64_t daysFromDate(std::int64_t y, int m, int d) noexcept {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}
inline void dateFromDays(std::int64_t days, int& y, int& m, int& d) noexcept {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t doe = days - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  d = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  m = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  y = static_cast<int>(yoe + era * 400 + (m <= 2 ? 1 : 0));
}
}  // namespace detail

/// Microseconds since the epoch as RFC 3339 in UTC, a fraction only when there is one.
inline std::string formatRfc3339(std::int64_t us) {
  std::int64_t s = us / 1000000;
  std::int64_t frac = us % 1000000;
  if (frac < 0) {
    frac += 1000000;
    --s;
  }
  std::int64_t days = s / 86400;
  std::int64_t rest = s % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  int y = 0, m = 0, d = 0;
  detail::dateFromDays(days, y, m, d);
  char buf[64];
  std::snprintf(buf, sizeof buf, "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d, static_cast<int>(rest / 3600),
                static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  std::string out = buf;
  if (frac != 0) {
    std::snprintf(buf, sizeof buf, ".%06d", static_cast<int>(frac));
    out += buf;
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}
inline std::string formatUnixSeconds(std::int64_t s) { return formatRfc3339(s * 1000000); }

/// RFC 3339 with zone to microseconds since the epoch; nothing when it is not one.
inline std::optional<std::int64_t> parseRfc3339(std::string_view t) {
  const auto number = [&t](std::size_t pos, std::size_t n) -> int {
    int v = 0;
    for (std::size_t i = pos; i < pos + n; ++i) {
      if (i >= t.size() || t[i] < '0' || t[i] > '9') return -1;
      v = v * 10 + (t[i] - '0');
    }
    return v;
  };
  if (t.size() < 20 || t[4] != '-' || t[7] != '-' || (t[10] != 'T' && t[10] != 't' && t[10] != ' ') ||
      t[13] != ':' || t[16] != ':') {
    return std::nullopt;
  }
  const int y = number(0, 4), mo = number(5, 2), d = number(8, 2);
  const int h = number(11, 2), mi = number(14, 2), s = number(17, 2);
  static constexpr std::array<int, 13> kDays = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (y < 0 || mo < 1 || mo > 12 || d < 1 || d > kDays[static_cast<std::size_t>(mo)] || h < 0 || h > 23 ||
      mi < 0 || mi > 59 || s < 0 || s > 60) {
    return std::nullopt;
  }
  if (mo == 2 && d == 29 && !((y % 4 == 0 && y % 100 != 0) || y % 400 == 0)) return std::nullopt;
  std::size_t pos = 19;
  std::int64_t frac = 0;
  if (pos < t.size() && t[pos] == '.') {
    std::int64_t unit = 100000;
    const std::size_t first = ++pos;
    for (; pos < t.size() && t[pos] >= '0' && t[pos] <= '9'; ++pos, unit /= 10) frac += unit * (t[pos] - '0');
    if (pos == first) return std::nullopt;
  }
  if (pos >= t.size()) return std::nullopt;
  std::int64_t offset_s = 0;
  if (t[pos] == 'Z' || t[pos] == 'z') {
    ++pos;
  } else {
    const int oh = number(pos + 1, 2), om = number(pos + 4, 2);
    if ((t[pos] != '+' && t[pos] != '-') || pos + 6 > t.size() || t[pos + 3] != ':' || oh < 0 || oh > 23 ||
        om < 0 || om > 59) {
      return std::nullopt;
    }
    offset_s = (oh * 3600 + om * 60) * (t[pos] == '-' ? -1 : 1);
    pos += 6;
  }
  if (pos != t.size()) return std::nullopt;
  const std::int64_t seconds = detail::daysFromDate(y, mo, d) * 86400 + h * 3600 + mi * 60 + s - offset_s;
  return seconds * 1000000 + frac;
}

}  // namespace sdk_v1
}  // namespace ccp
