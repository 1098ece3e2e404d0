#include "rules.hpp"

#include <algorithm>
#include <array>

#include "ccp/text.hpp"

namespace webhook_export {
namespace {

constexpr std::int64_t kDayS = 86400;

std::string text(const ccp::json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool digits(std::string_view text_in) {
  return !text_in.empty() && text_in.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Days from 1970-01-01 (Howard Hinnant, chrono-compatible low-level date algorithms).
std::int64_t daysOf(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that senders may make.
std::optional<std::int64_t> httpDate(std::string_view s) {
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (s.size() != 29 || s.substr(3, 2) != ", " || s[7] != ' ' || s[11] != ' ' || s[16] != ' ' || s[19] != ':' || s[22] != ':' || s.substr(25) != " GMT") {
    return std::nullopt;
  }
  for (const auto part : {s.substr(5, 2), s.substr(12, 4), s.substr(17, 2), s.substr(20, 2), s.substr(23, 2)}) {
    if (!digits(part)) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t n) { return std::stoi(std::string(s.substr(at, n))); };
  const auto* month = std::find(kMonths.begin(), kMonths.end(), s.substr(8, 3));
  const int day = number(5, 2), hour = number(17, 2), minute = number(20, 2), second = number(23, 2);
  if (month == kMonths.end() || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return daysOf(number(12, 4), static_cast<int>(month - kMonths.begin()) + 1, day) * kDayS + hour * 3600 + minute * 60 + second;
}

}  // namespace

std::string bodyOf(const ccp::json& record) {
  const ccp::json* data = ccp::member(record, "data");
  return ccp::dumpJson({{"id", text(record, "id")},
                        {"type", text(record, "type")},
                        {"timestamp", text(record, "occurred_at")},
                        {"org", text(record, "org")},
                        {"subject", text(record, "subject")},
                        {"data", data ? *data : ccp::json::object()}});
}

std::string signedContent(std::string_view id, std::int64_t timestamp_s, std::string_view body) {
  std::string out(id);
  out.append(1, '.').append(std::to_string(timestamp_s)).append(1, '.').append(body);
  return out;
}

std::string signatureHeader(const std::vector<std::string>& macs, const std::vector<std::string>& signatures) {
  std::string out;
  for (const auto& mac : macs) out += (out.empty() ? "v1," : " v1,") + ccp::base64Encode(mac);
  for (const auto& signature : signatures) out += (out.empty() ? "v1a," : " v1a,") + ccp::base64Encode(signature);
  return out;
}

bool wants(const std::vector<std::string>& patterns, std::string_view type) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    if (pattern.size() >= 2 && pattern.compare(pattern.size() - 2, 2, ".*") == 0) {
      const std::string_view noun(pattern.data(), pattern.size() - 1);
      return type.substr(0, noun.size()) == noun;
    }
    return type == pattern;
  });
}

Answer answerOf(int status) noexcept {
  if (status >= 200 && status < 300) return Answer::taken;
  return status == 410 ? Answer::gone : Answer::refused;
}

std::optional<std::int64_t> retryAfterMs(std::string_view header, std::int64_t now_s) {
  while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
  while (!header.empty() && header.back() == ' ') header.remove_suffix(1);
  std::int64_t wait_s = 0;
  if (digits(header)) {
    wait_s = header.size() > 9 ? kDayS : std::stoll(std::string(header));
  } else {
    const auto at = httpDate(header);
    if (!at) return std::nullopt;
    wait_s = *at - now_s;
  }
  if (wait_s <= 0) return std::nullopt;
  return std::min(wait_s, kDayS) * 1000;
}

}  // namespace webhook_export
