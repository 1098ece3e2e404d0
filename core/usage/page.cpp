#include "core/usage/page.hpp"

#include <algorithm>
#include <map>

#include "core/base/encoding.hpp"
#include "core/http/html.hpp"
#include "core/usage/charts.hpp"
#include "core/usage/render.hpp"

namespace ccp::usage {
namespace {

using http::escapeHtml;

/// Series of the charts: the six largest models by name, then "other models".
constexpr std::size_t kNamedModels = 6;

std::string link(WindowKind kind, std::optional<Timestamp> until, const char* path = "/dashboard") {
  std::string out = std::string(path) + "?window=" + toString(kind);
  if (until) out += "&until=" + urlEncode(formatRfc3339(*until));
  return escapeHtml(out);
}

std::string card(const std::string& content) { return "<section class=\"card\">" + content + "</section>"; }

std::string stat(const std::string& label, const std::string& value, const std::string& note) {
  return "<div class=\"stat\"><span class=\"label\">" + escapeHtml(label) + "</span><span class=\"value\">" + escapeHtml(value) +
         "</span><span class=\"note\">" + escapeHtml(note) + "</span></div>";
}

std::string legend(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "<ul class=\"legend\">";
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += "<li><span class=\"dot " + seriesClass(i) + "\"></span>" + escapeHtml(items[i].first) +
           (items[i].second.empty() ? "" : " <strong>" + escapeHtml(items[i].second) + "</strong>") + "</li>";
  }
  return out + "</ul>";
}

/// Models by tokens over all lanes, most first.
std::vector<std::pair<std::string, double>> modelTotals(const ModelsReport& report) {
  std::map<std::string, double> sums;
  for (const auto& line : report.models) sums[line.model] += static_cast<double>(line.counters.tokens());
  std::vector<std::pair<std::string, double>> out(sums.begin(), sums.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

std::vector<std::pair<std::string, double>> laneTotals(const ModelsReport& report) {
  std::map<std::string, double> sums;
  for (const auto& line : report.models) sums[line.lane] += static_cast<double>(line.counters.tokens());
  std::vector<std::pair<std::string, double>> out(sums.begin(), sums.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

std::string toolbar(const ModelsReport& report, Timestamp now) {
  const Window& window = report.window;
  const bool current = window.until_at >= now;
  const std::optional<Timestamp> until = current ? std::nullopt : std::optional<Timestamp>(window.until_at);
  std::string tabs = "<nav class=\"tabs\" aria-label=\"Window\">";
  for (const auto kind : {WindowKind::day, WindowKind::week}) {
    tabs += "<a href=\"" + link(kind, until) + "\"" + (kind == window.kind ? " aria-current=\"page\"" : "") + ">" +
            (kind == WindowKind::day ? "24 hours" : "7 days") + "</a>";
  }
  tabs += "</nav>";
  std::string moves = "<a class=\"button quiet\" href=\"" + link(window.kind, window.from_at) + "\">← Earlier</a>";
  if (!current) {
    const Timestamp later = window.until_at + (window.until_at - window.from_at);
    moves += "<a class=\"button quiet\" href=\"" + link(window.kind, later >= now ? std::nullopt : std::optional<Timestamp>(later)) +
             "\">Later →</a>";
  }
  moves += "<a class=\"button quiet\" href=\"" + link(window.kind, window.until_at, "/v1/dash/models") +
           "&amp;format=csv\" download>CSV</a>";
  return "<div class=\"between\"><div><h1>Usage</h1><p class=\"muted\">" + escapeHtml(momentText(window.from_at)) + " – " +
         escapeHtml(momentText(window.until_at)) + "</p></div><div class=\"row\">" + tabs + moves + "</div></div>";
}

std::string cards(const ModelsReport& report) {
  const Counters& t = report.totals;
  const auto tokens = static_cast<double>(t.tokens());
  std::string out = "<div class=\"grid\">";
  out += stat("Tokens", compact(tokens), grouped(t.tokens()) + " in all");
  out += stat("Input", compact(static_cast<double>(t.input_tokens)), "output " + compact(static_cast<double>(t.output_tokens)));
  const double read = static_cast<double>(t.cache_read_tokens);
  const double prompt = read + static_cast<double>(t.cache_write_tokens) + static_cast<double>(t.input_tokens);
  out += stat("Read from cache", percent(read, prompt), "of what went into prompts");
  out += stat("Requests", grouped(t.requests),
              t.errors == 0 ? "no errors" : grouped(t.errors) + " errors, " + percent(static_cast<double>(t.errors), static_cast<double>(t.requests)));
  if (t.cost_microusd) out += stat("Estimated cost", dollars(*t.cost_microusd), "an estimate, never billed");
  return out + "</div>";
}

std::string tokenChart(const ModelsReport& report) {
  const auto totals = modelTotals(report);
  StackedBars chart;
  chart.id = "tokens";
  const bool hourly = report.window.kind == WindowKind::day;
  chart.title = hourly ? "Tokens per hour, by model" : "Tokens per day, by model";
  chart.unit = "tokens";
  std::map<std::string, std::size_t> index;
  std::vector<std::pair<std::string, std::string>> named;
  double other = 0;
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const std::size_t at = std::min(i, kNamedModels);
    index[totals[i].first] = at;
    if (i < kNamedModels) {
      chart.series.push_back(totals[i].first);
      named.emplace_back(totals[i].first, compact(totals[i].second));
    } else {
      other += totals[i].second;
    }
  }
  if (other > 0) {
    chart.series.emplace_back("other models");
    named.emplace_back("other models", compact(other));
  }
  const auto buckets = report.window.buckets();
  chart.values.assign(buckets.size(), std::vector<double>(chart.series.size(), 0));
  for (const auto& point : report.series) {
    const auto bucket = static_cast<std::size_t>((point.start_at - report.window.from_at) / report.window.bucket);
    if (bucket < buckets.size()) {
      chart.values[bucket][index[point.model]] += static_cast<double>(point.counters.tokens());
    }
  }
  double highest = 0;
  std::string highest_at;
  std::string rows;
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    const Timestamp at = buckets[b];
    const bool midnight = floorTo(at, kDay) == at;
    chart.buckets.push_back(hourly ? dayText(at) + " " + hourText(at) : dayText(at));
    const auto hour = (at - floorTo(at, kDay)) / kHour;
    chart.bucket_labels.push_back(!hourly || midnight ? dayText(at) : hour % 3 == 0 ? hourText(at) : "");
    double sum = 0;
    rows += "<tr><td>" + escapeHtml(chart.buckets.back()) + "</td>";
    for (const double value : chart.values[b]) {
      sum += value;
      rows += "<td class=\"num\">" + grouped(static_cast<std::int64_t>(value)) + "</td>";
    }
    rows += "</tr>";
    if (sum > highest) {
      highest = sum;
      highest_at = chart.buckets.back();
    }
  }
  chart.description = "Stacked bars from " + momentText(report.window.from_at) + " to " + momentText(report.window.until_at) + ". " +
                      compact(static_cast<double>(report.totals.tokens())) + " tokens in all; most in " + highest_at + " with " +
                      compact(highest) + ". The table below the chart has every number.";
  std::string heads;
  for (const auto& name : chart.series) heads += "<th class=\"num\" scope=\"col\">" + escapeHtml(name) + "</th>";
  std::string out = "<h2>" + chart.title + "</h2><figure>" + stackedBars(chart) + legend(named) + "</figure>";
  if (hourly && report.day_blocks > 0) {
    out += "<p class=\"muted small\">Some sources send whole days: those stand at 00:00.</p>";
  }
  out += "<details><summary>Show as a table</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Tokens over time\"><table><caption>Tokens, times in UTC</caption><thead><tr>"
         "<th scope=\"col\">" + std::string(hourly ? "Hour" : "Day") + "</th>" + heads + "</tr></thead><tbody>" + rows +
         "</tbody></table></div></details>";
  return card(out);
}

std::string laneCard(const ModelsReport& report) {
  const auto lanes = laneTotals(report);
  double whole = 0;
  for (const auto& [name, value] : lanes) whole += value;
  ShareBar chart;
  chart.id = "lanes";
  chart.title = "Tokens by lane";
  std::vector<std::pair<std::string, std::string>> named;
  for (const auto& [name, value] : lanes) {
    chart.parts.emplace_back(name, value);
    named.emplace_back(name, percent(value, whole));
    chart.description += name + " " + percent(value, whole) + ". ";
  }
  return card("<h2>Lanes</h2><figure>" + shareBar(chart) + legend(named) +
              "<figcaption>Where requests went, by tokens.</figcaption></figure>");
}

std::string ttftCard(const ModelsReport& report) {
  LatencyRows chart;
  chart.id = "ttft";
  chart.title = "Time to first token, by model";
  for (const auto& line : report.models) {
    if (!line.ttft || line.ttft->empty() || chart.rows.size() >= 12) continue;
    chart.rows.push_back({line.model + " (" + line.lane + ")", *line.ttft->quantile(0.5), *line.ttft->quantile(0.9),
                          *line.ttft->quantile(0.99)});
    const auto& row = chart.rows.back();
    chart.description += row.label + ": half within " + latencyText(row.p50) + ", 90 % within " + latencyText(row.p90) +
                         ", 99 % within " + latencyText(row.p99) + ". ";
  }
  if (chart.rows.empty()) return {};
  return card("<h2>Time to first token</h2><figure>" + latencyRows(chart) +
              "<figcaption>Marks at the 50th, 90th and 99th percentile.</figcaption></figure>");
}

std::string modelTable(const ModelsReport& report) {
  const bool ttft = std::any_of(report.models.begin(), report.models.end(), [](const ModelLine& m) { return m.ttft.has_value(); });
  const bool cost = report.totals.cost_microusd.has_value();
  std::map<std::string, std::size_t> colour;
  for (const auto& [name, value] : modelTotals(report)) colour.emplace(name, colour.size());
  std::string out = "<h2>Models</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Models\"><table><thead><tr><th scope=\"col\">Model</th><th scope=\"col\">Lane</th>";
  for (const char* head : {"Requests", "Errors", "Input", "Output", "Cache read", "Cache write"}) {
    out += "<th class=\"num\" scope=\"col\">" + std::string(head) + "</th>";
  }
  if (cost) out += "<th class=\"num\" scope=\"col\">Est. cost</th>";
  if (ttft) out += "<th class=\"num\" scope=\"col\">TTFT p50</th><th class=\"num\" scope=\"col\">p90</th><th class=\"num\" scope=\"col\">p99</th>";
  out += "</tr></thead><tbody>";
  for (const auto& line : report.models) {
    const Counters& c = line.counters;
    out += "<tr><td><span class=\"legend\"><span><span class=\"dot " + seriesClass(colour[line.model]) + "\"></span></span></span>" +
           escapeHtml(line.model) + "</td><td>" + escapeHtml(line.lane) + "</td>";
    for (const auto n : {c.requests, c.errors, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens}) {
      out += "<td class=\"num\">" + grouped(n) + "</td>";
    }
    if (cost) out += "<td class=\"num\">" + (c.cost_microusd ? escapeHtml(dollars(*c.cost_microusd)) : std::string("–")) + "</td>";
    if (ttft) {
      for (const double q : {0.5, 0.9, 0.99}) {
        out += "<td class=\"num\">" + (line.ttft ? latencyText(*line.ttft->quantile(q)) : std::string("–")) + "</td>";
      }
    }
    out += "</tr>";
  }
  return card(out + "</tbody></table></div>");
}

std::string emptyState(const ModelsReport& report) {
  if (report.latest_at) {
    return "<section class=\"card center\"><h2>Nothing in this window</h2><p>The newest usage ends " +
           escapeHtml(momentText(*report.latest_at)) + ".</p><p><a class=\"button\" href=\"" +
           link(report.window.kind, *report.latest_at) + "\">Show the latest " +
           (report.window.kind == WindowKind::day ? "24 hours" : "7 days") + " with usage</a></p></section>";
  }
  return "<section class=\"card center\"><h2>No usage yet</h2><p>Numbers appear here as soon as a machine sends its rollups. On a "
         "machine that is logged in:</p><pre><code>ccp import\nccp export rollups</code></pre><p class=\"muted\">The first reads "
         "local transcripts, the second sends counts per hour and model: no prompt and no answer leaves the machine.</p></section>";
}

}  // namespace

std::string dashboardBody(const ModelsReport& report, Timestamp now) {
  std::string out = toolbar(report, now);
  if (report.models.empty()) return out + emptyState(report);
  return out + cards(report) + tokenChart(report) + laneCard(report) + ttftCard(report) + modelTable(report);
}

std::string noticeBody(const std::string& notice) {
  if (notice.empty()) return {};
  return "<p class=\"notice\" role=\"status\">" + escapeHtml(notice) + " <a href=\"/billing\">Billing</a></p>";
}

std::string upgradeBody(const std::string& detail) {
  return "<section class=\"card narrow center\"><p class=\"badge\">Plan</p><h1>Dashboards come with a larger plan</h1><p>" +
         escapeHtml(detail) +
         ".</p><p>An owner or admin can see the plans with <code>ccp plan</code> and change with <code>ccp upgrade</code>.</p></section>";
}

}  // namespace ccp::usage
