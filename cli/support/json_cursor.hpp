// A strict pull scanner over one JSON text, without a tree: what `ccp import` reads millions of
// transcript lines with. Validates everything it skips (grammar, UTF-8 escapes, depth).
// Views point into the text. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ccp::cli {

class JsonCursor {
 public:
  static constexpr int kMaxDepth = 128;
  explicit JsonCursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  /// False after the first violation of the grammar; every later call then fails too.
  bool ok() const noexcept { return ok_; }
  /// First character of the next value, 0 at the end.
  char peek() noexcept;
  /// Consumes '{'; false when the next value is no object.
  bool enterObject() noexcept;
  /// Next key of the entered object, as it stands in the text (escapes are not resolved). False
  /// after '}'.
  bool nextKey(std::string_view& key) noexcept;
  /// Skips one value of any kind.
  bool skip() noexcept;
  /// The next value if it is a string, with escapes resolved; skips a value of another type.
  std::optional<std::string> string();
  /// The next value if it is an integer from 0 to 2^53; skips anything else.
  std::optional<std::int64_t> counter() noexcept;
  std::optional<double> number() noexcept;
  std::optional<bool> boolean() noexcept;
  /// True when the next value is null, which is consumed.
  bool null() noexcept;
  /// Only white space is left.
  bool atEnd() noexcept;

 private:
  bool fail() noexcept {
    ok_ = false;
    return false;
  }
  void space() noexcept {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n')) ++at_;
  }
  bool literal(std::string_view word) noexcept;
  bool skipNumber() noexcept;
  /// Between the quotes, raw; `escaped` tells whether there are escapes in it.
  bool rawString(std::string_view& raw, bool& escaped) noexcept;
  bool skipAt(int depth) noexcept;

  const char* at_;
  const char* end_;
  bool ok_ = true;
  int depth_ = 0;
  bool first_ = false;
};

}  // namespace ccp::cli
