// One line of a Claude Code transcript (contracts.md 9): is it one API response's usage, and which?
// Pure; the rules agree with ccusage, which tests/e2e/ccusage holds us to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.hpp"

namespace ccp::cli {

/// Usage of one API response, as one line states it. The same response stands in several lines.
struct UsageRecord {
  std::string message_id;  ///< empty: the line names none; then `request_id` holds "line:<hash>"
  std::string request_id;  ///< empty: the line names none
  std::string session_id;
  std::string model;
  Timestamp at;
  bool sidechain = false;
  bool error = false;      ///< the response reports an API error
  bool has_speed = false;  ///< the line names a speed: the more complete of two equal lines
  std::int64_t input = 0, output = 0, cache_read = 0, cache_write = 0;
  std::optional<std::int64_t> cost_microusd = {};  ///< only when the line states a cost

  std::int64_t total() const noexcept { return input + output + cache_read + cache_write; }
};

/// Which of two lines with the same message id and request id counts: the main conversation's over
/// a sidechain's, then the larger total, the one that names a speed, the earlier one. A total
/// order, so that the outcome does not depend on the order in which files are read.
bool supersedes(const UsageRecord& candidate, const UsageRecord& kept) noexcept;

enum class LineKind {
  blank,
  no_usage,  ///< a valid line that states no usage
  usage,
  synthetic,     ///< a local error message (model `<synthetic>`), no response of an API
  disqualified,  ///< states usage, but an id, the model, the version, the time or a counter is not
                 ///< usable
  malformed,     ///< not strict JSON, or cut off
};

/// `out` is set when the answer is `usage`. Lines without the word "usage" are not parsed: only
/// their first and last character is looked at.
LineKind parseTranscriptLine(std::string_view line, UsageRecord& out);

}  // namespace ccp::cli
