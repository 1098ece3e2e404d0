#include "core/base/time.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace ccp {
namespace {

/// Reads exactly `digits` decimal digits and advances; -1 when they are not there.
int readDigits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!std::isdigit(static_cast<unsigned char>(text[i]))) return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool readChar(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// The last `digits` decimal digits of `value`, with zeros in front.
void appendDigits(std::string& out, unsigned value, std::size_t digits) {
  std::array<char, 6> text{};
  for (std::size_t i = digits; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text.data(), digits);
}

std::uint64_t readClock(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000ULL + static_cast<std::uint64_t>(ts.tv_nsec);
}

}  // namespace

void appendRfc3339(std::string& out, Timestamp t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day ymd(day);
  const hh_mm_ss time(t - day);
  const int year = static_cast<int>(ymd.year());
  if (year < 0) out += '-';
  const auto years = static_cast<unsigned>(std::abs(year));
  appendDigits(out, years, years > 9999 ? 5 : 4);
  out += '-';
  appendDigits(out, static_cast<unsigned>(ymd.month()), 2);
  out += '-';
  appendDigits(out, static_cast<unsigned>(ymd.day()), 2);
  out += 'T';
  appendDigits(out, static_cast<unsigned>(time.hours().count()), 2);
  out += ':';
  appendDigits(out, static_cast<unsigned>(time.minutes().count()), 2);
  out += ':';
  appendDigits(out, static_cast<unsigned>(time.seconds().count()), 2);
  if (const auto fraction = static_cast<unsigned>(time.subseconds().count()); fraction != 0) {
    out += '.';
    appendDigits(out, fraction, 6);
    while (out.back() == '0') out.pop_back();
  }
  out += 'Z';
}

std::string formatRfc3339(Timestamp t) {
  std::string out;
  out.reserve(27);
  appendRfc3339(out, t);
  return out;
}

Result<Timestamp> parseRfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto bad = [&] {
    return fail(Errc::bad_encoding, "\"" + std::string(text.substr(0, 40)) + "\" is not an RFC 3339 time with zone.");
  };
  auto rest = text;
  const int y = readDigits(rest, 4);
  if (y < 0 || !readChar(rest, "-")) return bad();
  const int mo = readDigits(rest, 2);
  if (mo < 0 || !readChar(rest, "-")) return bad();
  const int d = readDigits(rest, 2);
  if (d < 0 || !readChar(rest, "Tt ")) return bad();
  const int h = readDigits(rest, 2);
  if (h < 0 || !readChar(rest, ":")) return bad();
  const int mi = readDigits(rest, 2);
  if (mi < 0 || !readChar(rest, ":")) return bad();
  const int s = readDigits(rest, 2);
  if (s < 0 || h > 23 || mi > 59 || s > 60) return bad();
  const year_month_day ymd{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!ymd.ok()) return bad();
  std::int64_t micros = 0;
  if (readChar(rest, ".")) {
    std::int64_t scale = 100'000;
    std::size_t digits = 0;
    while (!rest.empty() && std::isdigit(static_cast<unsigned char>(rest.front()))) {
      micros += (rest.front() - '0') * scale;
      scale /= 10;
      ++digits;
      rest.remove_prefix(1);
    }
    if (digits == 0) return bad();
  }
  minutes offset{0};
  if (!readChar(rest, "Zz")) {
    if (rest.empty()) return bad();
    const int sign = rest.front() == '-' ? -1 : 1;
    if (!readChar(rest, "+-")) return bad();
    const int oh = readDigits(rest, 2);
    if (oh < 0 || !readChar(rest, ":")) return bad();
    const int om = readDigits(rest, 2);
    if (om < 0 || oh > 23 || om > 59) return bad();
    offset = minutes(sign * (oh * 60 + om));
  }
  if (!rest.empty()) return bad();
  return Timestamp(sys_days(ymd)) + hours(h) + minutes(mi) + seconds(s) + Duration(micros) - offset;
}

Result<Duration> parseDuration(std::string_view text) {
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(text.data() + text.size() - parsed.ptr));
  const std::pair<std::string_view, Duration> units[] = {
      {"us", Duration(1)}, {"ms", milliseconds(1)}, {"s", seconds(1)}, {"m", minutes(1)}, {"h", hours(1)}, {"d", hours(24)}};
  if (parsed.ec == std::errc() && value >= 0) {
    for (const auto& [name, size] : units) {
      if (unit == name && value <= INT64_MAX / 4 / size.count()) return size * value;
    }
  }
  return fail(Errc::bad_encoding, "\"" + std::string(text.substr(0, 40)) + "\" is not a duration such as 90s, 15m, 4h or 7d.");
}

std::string formatDuration(Duration d) {
  const auto s = std::chrono::duration_cast<seconds>(d).count();
  std::array<char, 48> out{};
  if (d < seconds(1)) {
    std::snprintf(out.data(), out.size(), "%lldms", static_cast<long long>(d.count() / 1000));
  } else if (s < 60) {
    std::snprintf(out.data(), out.size(), "%.1fs", static_cast<double>(d.count()) / 1e6);
  } else if (s < 3600) {
    std::snprintf(out.data(), out.size(), "%lldm", static_cast<long long>(s / 60));
  } else if (s < 48 * 3600) {
    std::snprintf(out.data(), out.size(), "%lldh %lldm", static_cast<long long>(s / 3600), static_cast<long long>(s % 3600 / 60));
  } else {
    std::snprintf(out.data(), out.size(), "%lldd %lldh", static_cast<long long>(s / 86400), static_cast<long long>(s % 86400 / 3600));
  }
  return out.data();
}

Timestamp SystemClock::now() const { return fromMicros(static_cast<std::int64_t>(readClock(CLOCK_REALTIME) / 1000)); }
std::uint64_t SystemClock::monotonicNs() const { return readClock(CLOCK_MONOTONIC); }

Duration Deadline::remaining(const Clock& clock, Duration fallback) const {
  if (ns_ == 0) return fallback;
  const auto now = clock.monotonicNs();
  return now >= ns_ ? Duration(0) : Duration(static_cast<std::int64_t>((ns_ - now) / 1000));
}

}  // namespace ccp
