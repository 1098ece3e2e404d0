// Charts as SVG text for server-rendered pages: no script, colours by the classes of ccp.css, a title
// and a description for screen readers. Pure; every text is escaped here.
#pragma once

#include <string>
#include <vector>

namespace ccp::usage {

/// Bars per bucket, one segment per series. Series beyond the sixth share one colour.
struct StackedBars {
  std::string id;           ///< unique on the page, [a-z-]
  std::string title;
  std::string description;
  std::string unit;         ///< "tokens"
  std::vector<std::string> buckets;        ///< what the tooltip says of a bucket
  std::vector<std::string> bucket_labels;  ///< below the axis; empty = none
  std::vector<std::string> series;
  std::vector<std::vector<double>> values; ///< [bucket][series]
};
std::string stackedBars(const StackedBars& chart);

/// One bar cut into shares.
struct ShareBar {
  std::string id, title, description;
  std::vector<std::pair<std::string, double>> parts;
};
std::string shareBar(const ShareBar& chart);

/// One row per model: a line from p50 to p99 with a mark at p50, p90 and p99, in milliseconds.
struct LatencyRows {
  std::string id, title, description;
  struct Row {
    std::string label;
    double p50, p90, p99;
  };
  std::vector<Row> rows;
};
std::string latencyRows(const LatencyRows& chart);

/// Class of the nth series: s1 … s6, then s7.
std::string seriesClass(std::size_t index);
/// Round steps from 0 to at least `max`, at most six.
std::vector<double> axisTicks(double max);

}  // namespace ccp::usage
