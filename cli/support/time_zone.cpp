#include "cli/support/time_zone.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace ccp::cli {
namespace {

bool plausibleName(const std::string& name) {
  return !name.empty() && name.size() < 64 && name.front() != '/' &&
         name.find("..") == std::string::npos && std::all_of(name.begin(), name.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '-' ||
                  c == '+';
         });
}

bool inDatabase(const std::string& name) {
  const char* base = std::getenv("TZDIR");
  struct stat info {};
  return ::stat(((base != nullptr ? base : "/usr/share/zoneinfo") + ("/" + name)).c_str(), &info) ==
             0 &&
         S_ISREG(info.st_mode);
}

bool digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<TimeZone> TimeZone::named(const std::string& name) {
  if (name == "UTC" || name == "Etc/UTC") {
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
    return TimeZone("UTC");
  }
  if (name == "local") {
    ::tzset();
    return TimeZone("local");
  }
  if (!plausibleName(name) || !inDatabase(name)) {
    return fail(Errc::usage_error,
                "The time zone \"" + name +
                    "\" is unknown here. Use an IANA name such as Europe/Berlin, or UTC" +
                    (inDatabase("Europe/Berlin")
                         ? "."
                         : "; this machine has no time zone database (package tzdata)."));
  }
  ::setenv("TZ", (":" + name).c_str(), 1);
  ::tzset();
  return TimeZone(name);
}

std::string TimeZone::dayOf(Timestamp t) const {
  const std::time_t seconds = toUnixSeconds(t);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 16> text{};
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts));
}

Result<Timestamp> TimeZone::startOfDay(const std::string& day) const {
  const auto valid = parseRfc3339(day + "T00:00:00Z");
  if (!valid || day.size() != 10)
    return fail(Errc::usage_error, "\"" + day + "\" is no day; write it as 2026-11-21.");
  std::tm parts{};
  parts.tm_year = std::atoi(day.substr(0, 4).c_str()) - 1900;
  parts.tm_mon = std::atoi(day.substr(5, 2).c_str()) - 1;
  parts.tm_mday = std::atoi(day.substr(8, 2).c_str());
  parts.tm_isdst = -1;
  // A day that begins with a change of the clock starts at the first moment that exists.
  return fromUnixSeconds(::mktime(&parts));
}

Result<std::string> parseDayOption(const std::string& text, const TimeZone& zone, Timestamp now) {
  if (text == "today") return zone.dayOf(now);
  if (text.size() >= 2 && text.size() <= 5 && text.back() == 'd' &&
      digits(text.substr(0, text.size() - 1))) {
    return zone.dayOf(now - hours(24) * std::atoi(text.c_str()));
  }
  std::string day = text;
  if (day.size() == 8 && digits(day))
    day = day.substr(0, 4) + "-" + day.substr(4, 2) + "-" + day.substr(6, 2);
  CCP_CHECK_OK(zone.startOfDay(day));
  return day;
}

}  // namespace ccp::cli
