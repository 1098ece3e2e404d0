#include "policy/engine/glob.hpp"

#include <array>

namespace ccp::policy {
namespace {

enum class Step : unsigned char { literal, one, segment, anything, folders };

struct Token {
  Step step;
  char c;
};

struct Pattern {
  std::array<Token, kMaxGlob> tokens;
  std::size_t size = 0;
};

Pattern tokenize(std::string_view pattern) {
  Pattern out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    Token token{Step::literal, pattern[i]};
    if (pattern[i] == '?') token.step = Step::one;
    if (pattern[i] == '*') {
      const bool starts_segment = i == 0 || pattern[i - 1] == '/';
      token.step = Step::segment;
      if (i + 1 < pattern.size() && pattern[i + 1] == '*') {
        while (i + 1 < pattern.size() && pattern[i + 1] == '*') ++i;
        token.step = Step::anything;
        if (starts_segment && i + 1 < pattern.size() && pattern[i + 1] == '/') {
          ++i;
          token.step = Step::folders;
        }
      }
    }
    out.tokens[out.size++] = token;
  }
  return out;
}

/// The positions in the pattern where a match may stand; 2 = inside of `**/`, which goes on only after a `/`.
using Places = std::array<unsigned char, kMaxGlob + 1>;

/// What can be skipped from where we stand.
void settle(const Pattern& p, Places& at) {
  for (std::size_t i = 0; i < p.size; ++i) {
    if ((at[i] & 1) != 0 && p.tokens[i].step >= Step::segment) at[i + 1] |= 1;
  }
}

}  // namespace

bool globMatches(std::string_view pattern, std::string_view text) {
  if (pattern.size() > kMaxGlob) return false;
  const Pattern p = tokenize(pattern);
  Places at{};
  at[0] = 1;
  settle(p, at);
  for (const char c : text) {
    Places next{};
    bool alive = false;
    for (std::size_t i = 0; i < p.size; ++i) {
      if (at[i] == 0) continue;
      const Token token = p.tokens[i];
      const bool here = (at[i] & 1) != 0;
      switch (token.step) {
        case Step::literal:
          if (here && c == token.c) next[i + 1] |= 1, alive = true;
          break;
        case Step::one:
          if (here && c != '/') next[i + 1] |= 1, alive = true;
          break;
        case Step::segment:
          if (here && c != '/') next[i] |= 1, alive = true;
          break;
        case Step::anything:
          if (here) next[i] |= 1, alive = true;
          break;
        case Step::folders:
          next[i] |= 2;
          if (c == '/') next[i + 1] |= 1;
          alive = true;
          break;
      }
    }
    if (!alive) return false;
    settle(p, next);
    at = next;
  }
  return (at[p.size] & 1) != 0;
}

}  // namespace ccp::policy
