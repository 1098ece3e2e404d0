// Aligned tables, boxes and numbers for people. Pure. Widths count code points, which is right for
// the scripts that model names and plan titles are written in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::cli {

/// 1234567 → "1,234,567".
std::string withThousands(std::int64_t n);
/// 1290000 micro-dollars → "$1.29"; "–" when unknown.
std::string costText(const std::optional<std::int64_t>& microusd);
/// 2900 USD → "29.00 USD".
std::string moneyText(std::int64_t minor, std::string_view currency);
/// "2026-11-21 05:06 UTC".
std::string timeText(Timestamp t);
/// The day of an RFC 3339 time in an answer, "2026-11-21"; "–" for null.
std::string dayOf(const Json& at);
/// ["a","b"] → "a, b", fit for a terminal; `none` when there is nothing.
std::string listText(const Json& list, std::string_view none = "none");
/// "in 6d 23h", "3h 2m ago", "now".
std::string relativeTime(Timestamp t, Timestamp now);
/// One field of a CSV line (RFC 4180); text that a spreadsheet would run gets a leading apostrophe.
std::string csvField(std::string_view text);
std::size_t displayWidth(std::string_view text) noexcept;

enum class Align { left, right };

class TextTable {
 public:
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void row(std::vector<std::string> cells) { rows_.push_back({std::move(cells), false}); }
  /// A line, then a last row: the totals.
  void total(std::vector<std::string> cells) { rows_.push_back({std::move(cells), true}); }
  /// Lines of text, no trailing spaces. `bold` and `reset` surround header and totals.
  std::string text(std::string_view bold = {}, std::string_view reset = {}) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    bool is_total;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

/// Lines in a frame.
std::string boxed(const std::vector<std::string>& lines);

}  // namespace ccp::cli
