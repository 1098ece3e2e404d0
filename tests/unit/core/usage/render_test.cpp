#include "core/usage/render.hpp"

#include <doctest/doctest.h>

#include "core/usage/charts.hpp"
#include "core/usage/page.hpp"

using namespace ccp;
using namespace ccp::usage;

namespace {

const Timestamp kNow = *parseRfc3339("2026-11-21T05:30:00Z");

ModelsReport sample() {
  ModelsReport report;
  report.window = windowUntil(WindowKind::day, kNow);
  report.latest_at = *parseRfc3339("2026-11-21T05:00:00Z");
  Sketch sketch;
  for (int i = 1; i <= 100; ++i) sketch.add(10.0 * i);
  report.models.push_back({"claude-opus-4-6", "anthropic", {3, 1, 10, 20, 30'000, 40, 1'234'567}, sketch});
  report.models.push_back({"glm-4.6", "zai", {1, 0, 5, 5, 0, 0, {}}, {}});
  for (const auto& line : report.models) report.totals.add(line.counters);
  report.series.push_back({*parseRfc3339("2026-11-21T04:00:00Z"), "claude-opus-4-6", report.models[0].counters});
  report.series.push_back({*parseRfc3339("2026-11-21T00:00:00Z"), "glm-4.6", report.models[1].counters});
  return report;
}

std::size_t times(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

/// Every element that is opened is closed, in order: enough of XML for our own output.
bool balanced(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t i = 0; i < html.size(); ++i) {
    if (html[i] != '<') continue;
    const auto end = html.find('>', i);
    if (end == std::string::npos) return false;
    const std::string tag = html.substr(i + 1, end - i - 1);
    i = end;
    if (tag.ends_with("/")) continue;
    const std::string name = tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" >", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != name) return false;
      open.pop_back();
    } else {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

}  // namespace

TEST_CASE("the report as JSON") {
  const Json json = modelsJson(sample());
  CHECK(json["window"] == Json("24h"));
  CHECK(json["from_at"] == Json("2026-11-20T06:00:00Z"));
  CHECK(json["until_at"] == Json("2026-11-21T06:00:00Z"));
  CHECK(json["latest_at"] == Json("2026-11-21T05:00:00Z"));
  CHECK(json["totals"]["input_tokens"] == Json(15));
  CHECK(json["totals"]["cost_microusd"] == Json(1'234'567));
  CHECK(json.at("/models/0/ttft/p50_ms")->asDouble().value() == doctest::Approx(500).epsilon(0.02));
  CHECK(json.at("/models/1/ttft") == nullptr);
  CHECK(json.at("/models/1/cost_microusd")->isNull());
  CHECK(json["series"].size() == 2);
  CHECK(*json.at("/series/0/start_at") == Json("2026-11-21T04:00:00Z"));
}

TEST_CASE("the report as CSV") {
  const std::string csv = modelsCsv(sample());
  CHECK(csv.starts_with("model,lane,requests,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,cost_microusd,"
                        "ttft_p50_ms,ttft_p90_ms,ttft_p99_ms\r\nclaude-opus-4-6,anthropic,3,1,10,20,30000,40,1234567,"));
  CHECK(csv.ends_with("\r\nglm-4.6,zai,1,0,5,5,0,0,,,,\r\n"));
}

TEST_CASE("numbers and times as people read them") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'234'567) == "1,234,567");
  CHECK(grouped(-1'000) == "-1,000");
  CHECK(compact(999) == "999");
  CHECK(compact(1'000) == "1k");
  CHECK(compact(999'960) == "1M");
  CHECK(compact(1'234'567) == "1.23M");
  CHECK(compact(12'345'678) == "12.3M");
  CHECK(compact(123'456'789) == "123M");
  CHECK(compact(4.2e9) == "4.2B");
  CHECK(dollars(0) == "$0.00");
  CHECK(dollars(9'999) == "< $0.01");
  CHECK(dollars(1'234'567) == "$1.23");
  CHECK(dollars(1'234'567'890'000) == "$1,234,567.89");
  CHECK(latencyText(12.4) == "12 ms");
  CHECK(latencyText(1'234) == "1.2 s");
  CHECK(latencyText(65'000) == "65 s");
  CHECK(percent(1, 3) == "33.3 %");
  CHECK(percent(1, 1) == "100 %");
  CHECK(percent(0, 0) == "0 %");
  CHECK(percent(1, 100'000) == "< 0.1 %");
  const auto at = *parseRfc3339("2026-02-12T14:05:00Z");
  CHECK(dayText(at) == "Thu 12 Feb");
  CHECK(hourText(at) == "14:05");
  CHECK(momentText(at) == "12 Feb 2026, 14:05 UTC");
}

TEST_CASE("an axis has round steps and covers the largest value") {
  CHECK(axisTicks(0) == std::vector<double>{0, 1});
  for (const double max : {0.7, 1.0, 3.0, 9.9, 10.0, 101.0, 1234.0, 9.9e9}) {
    CAPTURE(max);
    const auto ticks = axisTicks(max);
    CHECK(ticks.back() >= max * 0.999);
    CHECK(ticks.size() >= 3);
    CHECK(ticks.size() <= 6);
  }
}

TEST_CASE("the page has charts for eyes and words for screen readers, and nothing that the policy forbids") {
  const std::string html = dashboardBody(sample(), kNow);
  CHECK(balanced(html));
  CHECK(times(html, "<svg") == 3);  // tokens, lanes, times to first token
  CHECK(times(html, "role=\"img\"") == 3);
  CHECK(html.find("<title id=\"tokens-title\">Tokens per hour, by model</title>") != std::string::npos);
  CHECK(html.find("<desc id=\"ttft-desc\">claude-opus-4-6 (anthropic): half within") != std::string::npos);
  CHECK(html.find("claude-opus-4-6 · Sat 21 Nov 04:00 · 30,070 tokens") != std::string::npos);
  CHECK(html.find("<details>") != std::string::npos);
  CHECK(html.find("$1.23") != std::string::npos);
  CHECK(html.find("/v1/dash/models?window=24h&amp;until=2026-11-21T06%3A00%3A00Z&amp;format=csv") != std::string::npos);
  for (const char* forbidden : {"<script", "style=", "onclick", "javascript:"}) CHECK(html.find(forbidden) == std::string::npos);
}

TEST_CASE("no TTFT chart and no cost where no source has them") {
  auto report = sample();
  report.models.erase(report.models.begin());
  report.totals = report.models[0].counters;
  const std::string html = dashboardBody(report, kNow);
  CHECK(times(html, "<svg") == 2);
  CHECK(html.find("TTFT") == std::string::npos);
  CHECK(html.find("Estimated cost") == std::string::npos);
}

TEST_CASE("many models share the last colour") {
  ModelsReport report = sample();
  for (int i = 0; i < 9; ++i) {
    const std::string name = "model-" + std::to_string(i);
    report.models.push_back({name, "local", {1, 0, 100 + i, 0, 0, 0, {}}, {}});
    report.series.push_back({report.window.from_at, name, report.models.back().counters});
  }
  const std::string html = dashboardBody(report, kNow);
  CHECK(balanced(html));
  CHECK(html.find("other models") != std::string::npos);
  CHECK(html.find("s8") == std::string::npos);
}

TEST_CASE("what a person sees without usage: how to send some, or where the latest is") {
  ModelsReport report;
  report.window = windowUntil(WindowKind::week, kNow);
  CHECK(dashboardBody(report, kNow).find("ccp export rollups") != std::string::npos);
  report.latest_at = *parseRfc3339("2026-02-12T22:00:00Z");
  const std::string html = dashboardBody(report, kNow);
  CHECK(html.find("12 Feb 2026, 22:00 UTC") != std::string::npos);
  CHECK(html.find("/dashboard?window=7d&amp;until=2026-02-12T22%3A00%3A00Z") != std::string::npos);
  CHECK(balanced(html));
}

TEST_CASE("text from outside is escaped") {
  ShareBar chart{"x", "<t>", "\"d\"", {{"<script>alert(1)</script>", 1}}};
  const std::string svg = shareBar(chart);
  CHECK(svg.find("<script>") == std::string::npos);
  CHECK(svg.find("&lt;script&gt;") != std::string::npos);
  CHECK(upgradeBody("<b>").find("<b>") == std::string::npos);
}
