// Days in a time zone that the user names. Reads the system's time zone database; UTC needs none.
// One thread: it sets TZ of the process, since libstdc++ 12 has no zones.
#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::cli {

class TimeZone {
 public:
  /// An IANA name ("Europe/Berlin", "UTC") or "local". `usage_error` for an unknown one.
  static Result<TimeZone> named(const std::string& name);
  /// "2026-11-21" of this moment.
  std::string dayOf(Timestamp t) const;
  /// First moment of a day written as 2026-11-21; `usage_error` for another form.
  Result<Timestamp> startOfDay(const std::string& day) const;
  const std::string& name() const noexcept { return name_; }

 private:
  explicit TimeZone(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

/// "2026-11-21" or "20261121", today's "today", "7d" = seven days back from `now`: what --since
/// takes. The day as text.
Result<std::string> parseDayOption(const std::string& text, const TimeZone& zone, Timestamp now);

}  // namespace ccp::cli
