// What of an input may be written down: credentials, addresses and prompts never, nor what a pack's
// `log_mask` names. Masked values keep their type and keys stay, so that a policy that does not read
// them decides the same. Immutable after construction; thread-safe.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace ccp::decisions {

/// Longest string of a log record, in bytes.
inline constexpr std::size_t kMaxLogText = 512;
inline constexpr std::string_view kMaskedText = "[masked]";

class Mask {
 public:
  /// `log_mask`: "/a/b" erases what is there and below; "hash:/a/b" leaves a hash made with `salt`, by
  /// which equal values can be told. `*` stands for any one segment. What is neither is not a pointer and
  /// hides everything.
  Mask(const std::vector<std::string>& log_mask, std::string salt);

  struct Whole {
    Json value;
    std::vector<std::string> hidden;  ///< pointers of the values that are not the real ones, sorted
  };
  Whole whole(const Json& input) const;
  /// {pointer: value} of what was read, ready for a log: masked, printable, cut. What is not there is null.
  static Json fields(const Whole& masked, const std::vector<std::string>& pointers);

 private:
  struct Rule {
    std::vector<std::string> path;
    bool hash = false;
  };
  Json mask(const Json& value, std::vector<std::string>& path, std::vector<std::string>& hidden) const;
  Json hide(const Json& value, bool hash, const std::vector<std::string>& path, std::vector<std::string>& hidden) const;
  const Rule* ruleFor(const std::vector<std::string>& path) const;

  std::vector<Rule> rules_;
  std::string salt_;
  bool everything_ = false;
};

/// For a log: valid UTF-8, control bytes as \x1b, at most kMaxLogText bytes.
std::string printable(std::string_view text);
/// Without what has the form of a credential or an e-mail address.
std::string withoutSecrets(std::string_view text);
/// 32 hex digits by which equal texts can be told, and nothing else without the salt.
std::string saltedHash(std::string_view salt, std::string_view text);
/// RFC 6901; empty for the whole document. A text that is no pointer has no segments.
std::vector<std::string> segments(std::string_view pointer);

}  // namespace ccp::decisions
