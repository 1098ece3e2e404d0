#include "policy/analysis/lexer.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace ccp::policy::lua {
namespace {

constexpr std::array<std::string_view, 22> kKeywords{
    "and",   "break", "do",  "else", "elseif", "end",    "false", "for",  "function", "goto",  "if",
    "in",    "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};
constexpr std::array<std::string_view, 11> kLongSymbols{"...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..", ""};
constexpr std::string_view kSymbols = "+-*/%^#&~|<>=(){}[];:,.";

bool digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
int hexValue(char c) noexcept {
  if (digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
bool newline(char c) noexcept { return c == '\n' || c == '\r'; }

}  // namespace

void Lexer::advance() noexcept {
  if (atEnd()) return;
  const char c = source_[at_++];
  if (newline(c)) {
    // "\r\n" and "\n\r" are one line break.
    if (newline(peek()) && peek() != c) ++at_;
    ++place_.line;
    place_.column = 1;
  } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
    ++place_.column;  // columns count code points
  }
}

Token Lexer::fail(const Place& at, std::string message) {
  at_ = source_.size();
  return {TokenKind::error, std::move(message), 0, at, at.line};
}

int Lexer::longBracket() const noexcept {
  if (peek() != '[') return -1;
  std::size_t i = 1;
  while (peek(i) == '=') ++i;
  return peek(i) == '[' ? static_cast<int>(i) - 1 : -1;
}

bool Lexer::readLong(int level, std::string& out) {
  for (int i = 0; i < level + 2; ++i) advance();
  if (newline(peek())) advance();
  const auto closes = [&] {
    if (peek() != ']') return false;
    std::size_t i = 1;
    while (peek(i) == '=') ++i;
    return peek(i) == ']' && static_cast<int>(i) - 1 == level;
  };
  while (!atEnd()) {
    if (closes()) {
      for (int i = 0; i < level + 2; ++i) advance();
      return true;
    }
    out += newline(peek()) ? '\n' : peek();
    advance();
  }
  return false;
}

bool Lexer::skipSpace(std::string& problem) {
  while (!atEnd()) {
    const char c = peek();
    if (c == ' ' || c == '\t' || c == '\v' || c == '\f' || newline(c)) {
      advance();
    } else if (c == '-' && peek(1) == '-') {
      advance();
      advance();
      if (const int level = longBracket(); level >= 0) {
        std::string ignored;
        if (!readLong(level, ignored)) {
          problem = "this comment never ends";
          return false;
        }
      } else {
        while (!atEnd() && !newline(peek())) advance();
      }
    } else {
      return true;
    }
  }
  return true;
}

Token Lexer::next() {
  std::string problem;
  const Place before = place_;
  if (!skipSpace(problem)) return fail(before, problem);
  if (atEnd()) return {TokenKind::end, "", 0, place_, place_.line};
  const char c = peek();
  if (letter(c)) return name();
  if (digit(c) || (c == '.' && digit(peek(1)))) return number();
  if (c == '"' || c == '\'') return quoted();
  if (const int level = longBracket(); level >= 0) {
    Token out{TokenKind::string, "", 0, place_, 0};
    if (!readLong(level, out.text)) return fail(out.at, "this text never ends");
    out.end_line = place_.line;
    return out;
  }
  return symbol();
}

Token Lexer::name() {
  Token out{TokenKind::name, "", 0, place_, place_.line};
  while (letter(peek()) || digit(peek())) {
    out.text += peek();
    advance();
  }
  if (std::find(kKeywords.begin(), kKeywords.end(), out.text) != kKeywords.end()) out.kind = TokenKind::keyword;
  return out;
}

Token Lexer::number() {
  Token out{TokenKind::number, "", 0, place_, place_.line};
  const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
  if (hex) {
    out.text = "0x";
    advance();
    advance();
  }
  for (;;) {
    const char c = peek();
    const bool exponent = hex ? c == 'p' || c == 'P' : c == 'e' || c == 'E';
    if (exponent) {
      out.text += c;
      advance();
      if (peek() == '+' || peek() == '-') {
        out.text += peek();
        advance();
      }
    } else if (hexValue(c) >= 0 || c == '.' || letter(c)) {
      out.text += c;  // whatever touches a numeral belongs to it, as in Lua
      advance();
    } else {
      break;
    }
  }
  char* end = nullptr;
  out.number = std::strtod(out.text.c_str(), &end);
  const bool bare = hex && out.text.size() == 2;
  // strtod knows more than Lua: "nan", "inf" begin with no digit, so that none of it gets here.
  if (bare || *end != '\0') return fail(out.at, "\"" + out.text + "\" is no number");
  return out;
}

Token Lexer::quoted() {
  const char quote = peek();
  Token out{TokenKind::string, "", 0, place_, place_.line};
  advance();
  for (;;) {
    if (atEnd() || newline(peek())) return fail(out.at, "this text never ends");
    const char c = peek();
    if (c == quote) break;
    if (c == '\\') {
      std::string problem;
      if (!escape(out.text, problem)) return fail(out.at, problem);
      continue;
    }
    out.text += c;
    advance();
  }
  advance();
  out.end_line = place_.line;
  return out;
}

bool Lexer::escape(std::string& out, std::string& problem) {
  advance();
  static constexpr std::string_view letters = "abfnrtv\\\"'", values = "\a\b\f\n\r\t\v\\\"'";
  const char c = peek();
  if (const auto found = letters.find(c); found != std::string_view::npos && !atEnd()) {
    out += values[found];
    advance();
    return true;
  }
  if (newline(c)) {
    out += '\n';
    advance();
    return true;
  }
  if (c == 'z') {
    advance();
    while (!atEnd() && (peek() == ' ' || (peek() >= '\t' && peek() <= '\r'))) advance();
    return true;
  }
  if (c == 'x') {
    const int high = hexValue(peek(1)), low = high < 0 ? -1 : hexValue(peek(2));
    if (low < 0) {
      problem = "\\x needs two hexadecimal digits";
      return false;
    }
    out += static_cast<char>(high * 16 + low);
    for (int i = 0; i < 3; ++i) advance();
    return true;
  }
  if (c == 'u') return unicode(out, problem);
  if (digit(c)) {
    int value = 0;
    for (int i = 0; i < 3 && digit(peek()); ++i) {
      value = value * 10 + (peek() - '0');
      advance();
    }
    if (value > 255) {
      problem = "a decimal escape is at most \\255";
      return false;
    }
    out += static_cast<char>(value);
    return true;
  }
  problem = "there is no such escape in a text";
  return false;
}

bool Lexer::unicode(std::string& out, std::string& problem) {
  advance();
  std::uint64_t value = 0;
  bool any = false;
  if (peek() == '{') {
    advance();
    while (hexValue(peek()) >= 0 && value < (1u << 31)) {
      value = value * 16 + static_cast<std::uint64_t>(hexValue(peek()));
      any = true;
      advance();
    }
  }
  if (!any || peek() != '}' || value >= (1ull << 31)) {
    problem = "\\u needs a code point like \\u{20AC}";
    return false;
  }
  advance();
  if (value < 0x80) {
    out += static_cast<char>(value);
    return true;
  }
  // The old form of UTF-8 with up to six bytes, as Lua writes it.
  std::string bytes;
  std::uint64_t first_max = 0x3F;
  do {
    bytes.insert(bytes.begin(), static_cast<char>(0x80 | (value & 0x3F)));
    value >>= 6;
    first_max >>= 1;
  } while (value > first_max);
  bytes.insert(bytes.begin(), static_cast<char>((~first_max << 1) | value));
  out += bytes;
  return true;
}

Token Lexer::symbol() {
  Token out{TokenKind::symbol, "", 0, place_, place_.line};
  for (const auto each : kLongSymbols) {
    if (!each.empty() && source_.substr(at_).starts_with(each)) {
      out.text = std::string(each);
      break;
    }
  }
  if (out.text.empty() && kSymbols.find(peek()) != std::string_view::npos) out.text = std::string(1, peek());
  if (out.text.empty()) {
    const auto c = static_cast<unsigned char>(peek());
    return fail(out.at, c > 0x20 && c < 0x7F ? std::string("\"") + peek() + "\" has no meaning here" : "this character has no meaning here");
  }
  for (std::size_t i = 0; i < out.text.size(); ++i) advance();
  return out;
}

}  // namespace ccp::policy::lua
