#include "core/usage/charts.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/http/html.hpp"
#include "core/usage/render.hpp"

namespace ccp::usage {
namespace {

using http::escapeHtml;

constexpr double kWidth = 960;

std::string num(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", value);
  std::string text = buffer;
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string open(const std::string& id, const std::string& title, const std::string& description, double height) {
  return "<svg class=\"chart\" viewBox=\"0 0 " + num(kWidth) + " " + num(height) + "\" role=\"img\" aria-labelledby=\"" + id +
         "-title " + id + "-desc\"><title id=\"" + id + "-title\">" + escapeHtml(title) + "</title><desc id=\"" + id + "-desc\">" +
         escapeHtml(description) + "</desc>";
}

std::string text(double x, double y, const char* anchor, const std::string& content) {
  return "<text x=\"" + num(x) + "\" y=\"" + num(y) + "\" text-anchor=\"" + anchor + "\">" + escapeHtml(content) + "</text>";
}

std::string rect(double x, double y, double w, double h, const std::string& css, const std::string& tooltip) {
  return "<rect class=\"" + css + "\" x=\"" + num(x) + "\" y=\"" + num(y) + "\" width=\"" + num(w) + "\" height=\"" + num(h) +
         "\" rx=\"" + (h >= 4 && w >= 4 ? "2" : "0") + "\"><title>" + escapeHtml(tooltip) + "</title></rect>";
}

std::string gridLine(double x1, double y1, double x2, double y2) {
  return "<line class=\"grid-line\" x1=\"" + num(x1) + "\" y1=\"" + num(y1) + "\" x2=\"" + num(x2) + "\" y2=\"" + num(y2) + "\"/>";
}

}  // namespace

std::string seriesClass(std::size_t index) { return "s" + std::to_string(std::min<std::size_t>(index, 6) + 1); }

std::vector<double> axisTicks(double max) {
  if (!(max > 0)) return {0, 1};
  const double raw = max / 4;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double nice : {1.0, 2.0, 2.5, 5.0}) {
    if (nice * power >= raw * 0.999) {
      step = nice * power;
      break;
    }
  }
  std::vector<double> ticks{0};
  while (ticks.back() < max * 0.9999) ticks.push_back(static_cast<double>(ticks.size()) * step);
  return ticks;
}

std::string stackedBars(const StackedBars& chart) {
  constexpr double kHeight = 320, kLeft = 58, kRight = 12, kTop = 14, kBottom = 30;
  const double plot = kHeight - kTop - kBottom;
  double max = 0;
  for (const auto& bucket : chart.values) {
    double sum = 0;
    for (const double v : bucket) sum += v;
    max = std::max(max, sum);
  }
  const auto ticks = axisTicks(max);
  const double scale = plot / ticks.back();
  const double base = kTop + plot;
  std::string svg = open(chart.id, chart.title, chart.description, kHeight);
  for (const double tick : ticks) {
    const double y = base - tick * scale;
    svg += gridLine(kLeft, y, kWidth - kRight, y) + text(kLeft - 8, y + 4, "end", compact(tick));
  }
  const std::size_t buckets = chart.values.size();
  const double slot = (kWidth - kLeft - kRight) / static_cast<double>(std::max<std::size_t>(buckets, 1));
  const double width = std::min(slot * 0.72, 72.0);
  for (std::size_t b = 0; b < buckets; ++b) {
    const double x = kLeft + slot * static_cast<double>(b) + (slot - width) / 2;
    double y = base;
    for (std::size_t s = 0; s < chart.values[b].size(); ++s) {
      const double value = chart.values[b][s];
      if (!(value > 0)) continue;
      const double height = value * scale;
      y -= height;
      // A hair of background between segments, where there is room for it.
      const double shown = height > 3 ? height - 1 : std::max(height, 0.6);
      svg += rect(x, y, width, shown, seriesClass(s),
                  chart.series[s] + " · " + chart.buckets[b] + " · " + grouped(static_cast<std::int64_t>(value)) + " " + chart.unit);
    }
    if (b < chart.bucket_labels.size() && !chart.bucket_labels[b].empty()) {
      svg += text(kLeft + slot * (static_cast<double>(b) + 0.5), kHeight - 9, "middle", chart.bucket_labels[b]);
    }
  }
  return svg + "</svg>";
}

std::string shareBar(const ShareBar& chart) {
  constexpr double kHeight = 44;
  double whole = 0;
  for (const auto& [name, value] : chart.parts) whole += value;
  std::string svg = open(chart.id, chart.title, chart.description, kHeight);
  double x = 0;
  for (std::size_t i = 0; i < chart.parts.size(); ++i) {
    const auto& [name, value] = chart.parts[i];
    if (!(value > 0) || !(whole > 0)) continue;
    const double width = kWidth * value / whole;
    svg += rect(x, 6, std::max(width - (i + 1 < chart.parts.size() ? 2 : 0), 1.0), 32, seriesClass(i),
                name + " · " + percent(value, whole));
    x += width;
  }
  return svg + "</svg>";
}

std::string latencyRows(const LatencyRows& chart) {
  constexpr double kRow = 40, kLeft = 12, kRight = 60, kTop = 8, kBottom = 26;
  const double height = kTop + kRow * static_cast<double>(chart.rows.size()) + kBottom;
  double max = 0;
  for (const auto& row : chart.rows) max = std::max(max, row.p99);
  const auto ticks = axisTicks(max);
  const double scale = (kWidth - kLeft - kRight) / ticks.back();
  std::string svg = open(chart.id, chart.title, chart.description, height);
  for (const double tick : ticks) {
    const double x = kLeft + tick * scale;
    svg += gridLine(x, kTop, x, height - kBottom) + text(x, height - 8, "middle", latencyText(tick));
  }
  for (std::size_t i = 0; i < chart.rows.size(); ++i) {
    const auto& row = chart.rows[i];
    const double y = kTop + kRow * static_cast<double>(i) + 27;
    const std::string line = "l" + seriesClass(i).substr(1);
    svg += text(kLeft + 2, y - 13, "start", row.label);
    svg += "<line class=\"line " + line + "\" x1=\"" + num(kLeft + row.p50 * scale) + "\" y1=\"" + num(y) + "\" x2=\"" +
           num(kLeft + row.p99 * scale) + "\" y2=\"" + num(y) + "\"/>";
    const std::pair<const char*, double> marks[] = {{"p50", row.p50}, {"p90", row.p90}, {"p99", row.p99}};
    for (const auto& [name, value] : marks) {
      svg += "<circle class=\"" + seriesClass(i) + "\" cx=\"" + num(kLeft + value * scale) + "\" cy=\"" + num(y) +
             "\" r=\"5\"><title>" + escapeHtml(row.label + " · " + name + " " + latencyText(value)) + "</title></circle>";
    }
    svg += text(kLeft + row.p99 * scale + 10, y + 4, "start", latencyText(row.p99));
  }
  return svg + "</svg>";
}

}  // namespace ccp::usage
