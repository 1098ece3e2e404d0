#include "cli/support/text_table.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/support/output.hpp"
#include "core/base/currency.hpp"

namespace ccp::cli {

std::string withThousands(std::int64_t n) {
  const std::string digits = std::to_string(n < 0 ? -n : n);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return n < 0 ? "-" + out : out;
}

std::string costText(const std::optional<std::int64_t>& microusd) {
  if (!microusd) return "–";
  const auto cents = (*microusd + 5'000) / 10'000;
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%02d", static_cast<int>(cents % 100));
  return "$" + withThousands(cents / 100) + fraction;
}

std::string moneyText(std::int64_t minor, std::string_view currency) {
  const int digits = currencyDigits(currency).value_or(2);
  std::int64_t unit = 1;
  for (int i = 0; i < digits; ++i) unit *= 10;
  std::string out = minor < 0 && minor / unit == 0 ? "-0" : withThousands(minor / unit);
  if (digits > 0) {
    char fraction[8];
    std::snprintf(fraction, sizeof fraction, ".%0*d", digits, static_cast<int>(std::abs(minor % unit)));
    out += fraction;
  }
  return out + " " + std::string(currency);
}

std::string timeText(Timestamp t) {
  auto text = formatRfc3339(std::chrono::floor<std::chrono::minutes>(t));
  text[10] = ' ';
  return text.substr(0, 16) + " UTC";
}

std::string dayOf(const Json& at) { return at.asString() ? at.asString()->substr(0, 10) : "–"; }

std::string listText(const Json& list, std::string_view none) {
  std::string out;
  for (const auto& item : list.items()) {
    if (const auto* text = item.asString()) out += (out.empty() ? "" : ", ") + printable(*text);
  }
  return out.empty() ? std::string(none) : out;
}

std::string relativeTime(Timestamp t, Timestamp now) {
  const bool future = t > now;
  const auto distance =
      std::chrono::floor<std::chrono::minutes>(future ? t - now : now - t).count();
  if (distance == 0) return "now";
  const auto days = distance / 1440, hours = distance % 1440 / 60, mins = distance % 60;
  std::string text;
  if (days > 0) {
    text = std::to_string(days) + "d" + (hours > 0 ? " " + std::to_string(hours) + "h" : "");
  } else if (hours > 0) {
    text = std::to_string(hours) + "h" + (mins > 0 ? " " + std::to_string(mins) + "m" : "");
  } else {
    text = std::to_string(mins) + "m";
  }
  return future ? "in " + text : text + " ago";
}

std::string csvField(std::string_view text) {
  std::string out(text);
  if (!out.empty() && std::string_view("=+-@\t\r").find(out.front()) != std::string_view::npos)
    out.insert(0, "'");
  if (out.find_first_of(",\"\n\r") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

std::size_t displayWidth(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string TextTable::text(std::string_view bold, std::string_view reset) const {
  std::vector<std::size_t> widths;
  for (const auto& column : columns_) widths.push_back(displayWidth(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < std::min(row.cells.size(), widths.size()); ++i) {
      widths[i] = std::max(widths[i], displayWidth(row.cells[i]));
    }
  }
  std::size_t full = 0;
  for (const auto width : widths) full += width + 2;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string out;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = i < cells.size() ? cells[i] : std::string();
      const std::string fill(widths[i] - displayWidth(cell), ' ');
      if (i > 0) out += "  ";
      out += columns_[i].align == Align::right ? fill + cell : cell + fill;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  };
  std::vector<std::string> titles;
  for (const auto& column : columns_) titles.push_back(column.title);
  std::string rule;
  for (std::size_t i = 0; i + 2 < full; ++i) rule += "─";
  std::string out = std::string(bold) + line(titles) + std::string(reset) + "\n" + rule + "\n";
  for (const auto& row : rows_) {
    if (row.is_total)
      out += rule + "\n" + std::string(bold) + line(row.cells) + std::string(reset) + "\n";
    else
      out += line(row.cells) + "\n";
  }
  return out;
}

std::string boxed(const std::vector<std::string>& lines) {
  std::size_t width = 0;
  for (const auto& line : lines) width = std::max(width, displayWidth(line));
  std::string bar;
  for (std::size_t i = 0; i < width + 4; ++i) bar += "─";
  std::string out = "╭" + bar + "╮\n";
  for (const auto& line : lines)
    out += "│  " + line + std::string(width - displayWidth(line), ' ') + "  │\n";
  return out + "╰" + bar + "╯\n";
}

}  // namespace ccp::cli
