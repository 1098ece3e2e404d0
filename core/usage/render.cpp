#include "core/usage/render.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace ccp::usage {
namespace {

void setCounters(Json& out, const Counters& c) {
  out.set("requests", c.requests).set("errors", c.errors).set("input_tokens", c.input_tokens);
  out.set("output_tokens", c.output_tokens).set("cache_read_tokens", c.cache_read_tokens);
  out.set("cache_write_tokens", c.cache_write_tokens).set("cost_microusd", Json(c.cost_microusd));
}

/// A tenth of a millisecond is finer than the sketch is.
double rounded(double ms) { return std::round(ms * 10) / 10; }

Json windowJson(const Window& window) {
  return Json::object({{"window", toString(window.kind)},
                       {"from_at", formatRfc3339(window.from_at)},
                       {"until_at", formatRfc3339(window.until_at)}});
}

std::string csvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string printed(const char* format, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

/// The counters' columns, each with a comma before it.
std::string csvCounters(const Counters& c) {
  std::string out;
  for (const auto n : {c.requests, c.errors, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens}) {
    out += "," + std::to_string(n);
  }
  return out + "," + (c.cost_microusd ? std::to_string(*c.cost_microusd) : std::string());
}
constexpr const char* kCsvCounters =
    "requests,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,cost_microusd";

std::string twoDigits(unsigned n) { return (n < 10 ? "0" : "") + std::to_string(n); }

constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<const char*, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

std::chrono::year_month_day dateOf(Timestamp at) { return std::chrono::floor<std::chrono::days>(at); }

}  // namespace

Json ingestJson(const IngestReport& report) {
  Json results = Json::array();
  std::int64_t index = 0;
  for (const auto& result : report.results) {
    Json item = Json::object({{"index", index++}, {"status", toString(result.status)}});
    if (!result.code.empty()) item.set("code", result.code);
    if (!result.detail.empty()) item.set("detail", result.detail);
    results.push(std::move(item));
  }
  Json out = Json::object({{"results", std::move(results)}});
  for (const auto status : {BlockStatus::accepted, BlockStatus::duplicate, BlockStatus::unattributed, BlockStatus::conflict,
                            BlockStatus::rejected}) {
    out.set(toString(status), report.count(status));
  }
  return out;
}

Json modelsJson(const ModelsReport& report) {
  Json out = windowJson(report.window);
  out.set("latest_at", report.latest_at ? Json(formatRfc3339(*report.latest_at)) : Json());
  Json totals = Json::object();
  setCounters(totals, report.totals);
  out.set("totals", std::move(totals));
  Json models = Json::array();
  for (const auto& line : report.models) {
    Json item = Json::object({{"model", line.model}, {"lane", line.lane}});
    setCounters(item, line.counters);
    if (line.ttft && !line.ttft->empty()) {
      item.set("ttft", Json::object({{"p50_ms", rounded(*line.ttft->quantile(0.5))},
                                     {"p90_ms", rounded(*line.ttft->quantile(0.9))},
                                     {"p99_ms", rounded(*line.ttft->quantile(0.99))}}));
    }
    models.push(std::move(item));
  }
  out.set("models", std::move(models));
  Json series = Json::array();
  for (const auto& point : report.series) {
    const Counters& c = point.counters;
    series.push(Json::object({{"start_at", formatRfc3339(point.start_at)},
                              {"model", point.model},
                              {"requests", c.requests},
                              {"input_tokens", c.input_tokens},
                              {"output_tokens", c.output_tokens},
                              {"cache_read_tokens", c.cache_read_tokens},
                              {"cache_write_tokens", c.cache_write_tokens}}));
  }
  out.set("series", std::move(series));
  return out;
}

std::string modelsCsv(const ModelsReport& report) {
  std::string out = std::string("model,lane,") + kCsvCounters + ",ttft_p50_ms,ttft_p90_ms,ttft_p99_ms\r\n";
  for (const auto& line : report.models) {
    out += csvField(line.model) + "," + csvField(line.lane) + csvCounters(line.counters);
    for (const double q : {0.5, 0.9, 0.99}) {
      out += "," + (line.ttft && !line.ttft->empty() ? printed("%.1f", *line.ttft->quantile(q)) : std::string());
    }
    out += "\r\n";
  }
  return out;
}

Json seatsJson(const SeatsReport& report, const std::string& own_seat) {
  Json out = windowJson(report.window);
  Json totals = Json::object();
  setCounters(totals, report.totals);
  out.set("totals", std::move(totals)).set("seats_covered", report.seats);
  out.set("k_safety", Json::object({{"k", report.k}, {"breakdown", report.breakdown}}));
  Json seats = Json::array();
  for (const auto& line : report.lines) {
    Json item = Json::object({{"seat", line.seat.empty() ? Json() : Json(line.seat)},
                              {"mine", !line.seat.empty() && line.seat == own_seat}});
    setCounters(item, line.counters);
    seats.push(std::move(item));
  }
  out.set("seats", std::move(seats));
  return out;
}

std::string seatsCsv(const SeatsReport& report) {
  std::string out = std::string("seat,") + kCsvCounters + "\r\n";
  for (const auto& line : report.lines) out += csvField(line.seat) + csvCounters(line.counters) + "\r\n";
  return out;
}

std::string grouped(std::int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
  return (n < 0 ? "-" : "") + digits;
}

std::string compact(double n) {
  static constexpr std::array<std::pair<double, const char*>, 4> kUnits = {{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}}};
  for (const auto& [unit, name] : kUnits) {
    // 999,960 is 1.00M, not 1000.0k.
    if (n >= unit * 0.9995) {
      const double value = n / unit;
      std::string text = printed(value >= 99.95 ? "%.0f" : value >= 9.995 ? "%.1f" : "%.2f", value);
      if (text.find('.') != std::string::npos) {
        while (text.back() == '0') text.pop_back();
        if (text.back() == '.') text.pop_back();
      }
      return text + name;
    }
  }
  return printed("%.0f", n);
}

std::string dollars(std::int64_t microusd) {
  if (microusd > 0 && microusd < 10'000) return "< $0.01";
  const std::int64_t cents = (microusd + 5'000) / 10'000;
  return "$" + grouped(cents / 100) + "." + twoDigits(static_cast<unsigned>(cents % 100));
}

std::string latencyText(double ms) {
  if (ms >= 9'950) return printed("%.0f s", ms / 1000);
  if (ms >= 1'000) return printed("%.1f s", ms / 1000);
  return printed("%.0f ms", ms);
}

std::string percent(double part, double whole) {
  if (!(whole > 0)) return "0 %";
  const double share = 100 * part / whole;
  if (part > 0 && share < 0.1) return "< 0.1 %";
  return printed(share >= 99.95 || share == 0 ? "%.0f" : "%.1f", share) + " %";
}

std::string dayText(Timestamp at) {
  const auto date = dateOf(at);
  const std::chrono::weekday weekday{std::chrono::sys_days(date)};
  return std::string(kWeekdays[weekday.c_encoding()]) + " " + std::to_string(unsigned{date.day()}) + " " +
         kMonths[unsigned{date.month()} - 1];
}

std::string hourText(Timestamp at) {
  const auto minutes_of_day = std::chrono::floor<std::chrono::minutes>(at - std::chrono::floor<std::chrono::days>(at)).count();
  return twoDigits(static_cast<unsigned>(minutes_of_day / 60)) + ":" + twoDigits(static_cast<unsigned>(minutes_of_day % 60));
}

std::string momentText(Timestamp at) {
  const auto date = dateOf(at);
  return std::to_string(unsigned{date.day()}) + " " + kMonths[unsigned{date.month()} - 1] + " " +
         std::to_string(int{date.year()}) + ", " + hourText(at) + " UTC";
}

}  // namespace ccp::usage
