#include "cli/support/json_cursor.hpp"

#include <charconv>
#include <cstring>

namespace ccp::cli {
namespace {

bool isDigit(char c) noexcept {
  return c >= '0' && c <= '9';
}

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Four hex digits at `p`; -1 when they are not there.
int hex4(const char* p, const char* end) noexcept {
  if (end - p < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hexValue(p[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/// Skips to the next byte that a string must look at: quote, backslash or control character. Eight
/// bytes at a time (Hacker's Delight, "find a zero byte"), because transcripts are mostly text.
const char* skipPlain(const char* p, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
  const auto hasZero = [](std::uint64_t v) { return (v - kOnes) & ~v & kHigh; };
  while (end - p >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, p, 8);
    const auto control = (word - kOnes * 0x20) & ~word & kHigh;
    if (control | hasZero(word ^ (kOnes * '"')) | hasZero(word ^ (kOnes * '\\'))) break;
    p += 8;
  }
  while (p < end && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20) ++p;
  return p;
}

void appendUtf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// Resolves the escapes of a string that rawString() has already validated.
std::string unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  const char* const end = raw.data() + raw.size();
  for (const char* p = raw.data(); p < end; ++p) {
    if (*p != '\\') {
      out.push_back(*p);
      continue;
    }
    switch (*++p) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        auto c = static_cast<std::uint32_t>(hex4(p + 1, end));
        p += 4;
        if (c >= 0xD800 && c < 0xDC00) {
          const auto low = static_cast<std::uint32_t>(hex4(p + 3, end));
          c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
          p += 6;
        }
        appendUtf8(out, c);
        break;
      }
      default:
        out.push_back(*p);
    }
  }
  return out;
}

}  // namespace

char JsonCursor::peek() noexcept {
  space();
  return ok_ && at_ < end_ ? *at_ : '\0';
}

bool JsonCursor::enterObject() noexcept {
  if (peek() != '{') return false;
  if (++depth_ > kMaxDepth) return fail();
  ++at_;
  first_ = true;
  return true;
}

bool JsonCursor::nextKey(std::string_view& key) noexcept {
  const char c = peek();
  if (c == '}') {
    ++at_;
    --depth_;
    first_ = false;  // the object that surrounds this one has had its first member
    return false;
  }
  if (!first_) {
    if (c != ',') return fail();
    ++at_;
    space();
  }
  first_ = false;
  bool escaped = false;
  if (peek() != '"' || !rawString(key, escaped)) return fail();
  if (peek() != ':') return fail();
  ++at_;
  return true;
}

bool JsonCursor::rawString(std::string_view& raw, bool& escaped) noexcept {
  const char* const begin = ++at_;
  escaped = false;
  for (;;) {
    at_ = skipPlain(at_, end_);
    if (at_ >= end_) return fail();
    if (*at_ == '"') {
      raw = std::string_view(begin, static_cast<std::size_t>(at_ - begin));
      ++at_;
      return true;
    }
    if (*at_ != '\\') return fail();  // a control character
    escaped = true;
    if (++at_ >= end_) return fail();
    if (*at_ == 'u') {
      const int c = hex4(at_ + 1, end_);
      if (c < 0 || (c >= 0xDC00 && c < 0xE000)) return fail();
      at_ += 5;
      if (c >= 0xD800 && c < 0xDC00) {
        if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return fail();
        const int low = hex4(at_ + 2, end_);
        if (low < 0xDC00 || low >= 0xE000) return fail();
        at_ += 6;
      }
      continue;
    }
    if (std::strchr("\"\\/bfnrt", *at_) == nullptr || *at_ == '\0') return fail();
    ++at_;
  }
}

bool JsonCursor::literal(std::string_view word) noexcept {
  if (static_cast<std::size_t>(end_ - at_) < word.size() ||
      std::memcmp(at_, word.data(), word.size()) != 0)
    return fail();
  at_ += word.size();
  return true;
}

bool JsonCursor::skipNumber() noexcept {
  if (at_ < end_ && *at_ == '-') ++at_;
  if (at_ >= end_ || !isDigit(*at_)) return fail();
  if (*at_ == '0') {
    ++at_;
  } else {
    while (at_ < end_ && isDigit(*at_)) ++at_;
  }
  if (at_ < end_ && *at_ == '.') {
    if (++at_ >= end_ || !isDigit(*at_)) return fail();
    while (at_ < end_ && isDigit(*at_)) ++at_;
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (at_ >= end_ || !isDigit(*at_)) return fail();
    while (at_ < end_ && isDigit(*at_)) ++at_;
  }
  return true;
}

bool JsonCursor::skip() noexcept {
  return skipAt(depth_);
}

bool JsonCursor::skipAt(int depth) noexcept {
  std::string_view raw;
  bool escaped = false;
  switch (peek()) {
    case '"':
      return rawString(raw, escaped);
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    case '{': {
      if (depth + 1 > kMaxDepth) return fail();
      ++at_;
      if (peek() == '}') return ++at_, true;
      for (;;) {
        if (peek() != '"' || !rawString(raw, escaped)) return fail();
        if (peek() != ':') return fail();
        ++at_;
        if (!skipAt(depth + 1)) return false;
        const char c = peek();
        if (c != ',' && c != '}') return fail();
        ++at_;
        if (c == '}') return true;
      }
    }
    case '[': {
      if (depth + 1 > kMaxDepth) return fail();
      ++at_;
      if (peek() == ']') return ++at_, true;
      for (;;) {
        if (!skipAt(depth + 1)) return false;
        const char c = peek();
        if (c != ',' && c != ']') return fail();
        ++at_;
        if (c == ']') return true;
      }
    }
    default:
      return skipNumber();
  }
}

std::optional<std::string> JsonCursor::string() {
  if (peek() != '"') {
    skip();
    return std::nullopt;
  }
  std::string_view raw;
  bool escaped = false;
  if (!rawString(raw, escaped)) return std::nullopt;
  return escaped ? unescape(raw) : std::string(raw);
}

std::optional<std::int64_t> JsonCursor::counter() noexcept {
  const char first = peek();
  const char* const begin = at_;
  if (!skip() || !isDigit(first)) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(begin, at_, value);
  if (error != std::errc() || end != at_ || value > (std::int64_t{1} << 53)) return std::nullopt;
  return value;
}

std::optional<double> JsonCursor::number() noexcept {
  const char first = peek();
  const char* const begin = at_;
  if (!skip() || (!isDigit(first) && first != '-')) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(begin, at_, value);
  if (error != std::errc() || end != at_) return std::nullopt;
  return value;
}

std::optional<bool> JsonCursor::boolean() noexcept {
  const char first = peek();
  if (!skip()) return std::nullopt;
  if (first == 't') return true;
  if (first == 'f') return false;
  return std::nullopt;
}

bool JsonCursor::null() noexcept {
  if (peek() != 'n') return false;
  return literal("null");
}

bool JsonCursor::atEnd() noexcept {
  space();
  return ok_ && at_ == end_;
}

}  // namespace ccp::cli
