// The words of Lua 5.4. One token after the other; bounded by the source, never fails otherwise than with an
// `error` token. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/analysis/ast.hpp"

namespace ccp::policy::lua {

enum class TokenKind : std::uint8_t { name, keyword, number, string, symbol, end, error };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;   ///< name, keyword, symbol; value of a string; message of an error
  double number = 0;
  Place at;
  int end_line = 1;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}
  Token next();

 private:
  char peek(std::size_t ahead = 0) const noexcept { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  bool atEnd() const noexcept { return at_ >= source_.size(); }
  void advance() noexcept;
  Token fail(const Place& at, std::string message);
  /// Number of "=" of a long bracket that opens here; -1: none.
  int longBracket() const noexcept;
  bool readLong(int level, std::string& out);
  bool skipSpace(std::string& problem);
  Token name();
  Token number();
  Token quoted();
  bool escape(std::string& out, std::string& problem);
  bool unicode(std::string& out, std::string& problem);
  Token symbol();

  std::string_view source_;
  std::size_t at_ = 0;
  Place place_;
};

}  // namespace ccp::policy::lua
