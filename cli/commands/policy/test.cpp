#include "cli/commands/policy/test.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/file.hpp"
#include "policy/analysis/test_runner.hpp"
#include "policy/analysis/trials.hpp"

namespace ccp::cli {
namespace {

using policy::TestReport;
using policy::TestResult;

struct Options {
  std::string source;
  std::string point;
  bool coverage = false;
  double fail_under = -1;
  bool bench = false;
  int fuzz = 0;
  std::int64_t seed = 1;
  bool verbose = false;
  std::string junit;
};

std::string fixed(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}
std::string micros(std::int64_t ns) { return fixed(static_cast<double>(ns) / 1000.0, 1) + " µs"; }
std::string counted(std::int64_t n, const std::string& word) { return withThousands(n) + " " + word + (n == 1 ? "" : "s"); }

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string junitOf(const TestReport& report, const std::string& pack) {
  double total = 0;
  std::string cases;
  for (const auto& result : report.results) {
    const double seconds = static_cast<double>(result.elapsed.count()) / 1e6;
    total += seconds;
    cases += "    <testcase classname=\"" + xml(policy::toString(result.point)) + "\" name=\"" + xml(result.name) + "\" time=\"" + fixed(seconds, 6) + "\"";
    cases += result.passed ? "/>\n" : ">\n      <failure message=\"" + xml(result.message) + "\"/>\n    </testcase>\n";
  }
  const auto head = "name=\"" + xml(pack) + "\" tests=\"" + std::to_string(report.results.size()) + "\" failures=\"" + std::to_string(report.failures()) + "\" time=\"" + fixed(total, 6) + "\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites " + head + ">\n  <testsuite " + head + ">\n" + cases + "  </testsuite>\n</testsuites>\n";
}

/// "12-14, 20"
std::string ranges(const std::vector<int>& lines) {
  std::string out;
  for (std::size_t i = 0; i < lines.size();) {
    std::size_t end = i;
    while (end + 1 < lines.size() && lines[end + 1] == lines[end] + 1) ++end;
    out += (out.empty() ? "" : ", ") + std::to_string(lines[i]) + (end > i ? "-" + std::to_string(lines[end]) : "");
    i = end + 1;
  }
  return out;
}

void showTests(const Context& context, const Options& options, const TestReport& report) {
  std::map<policy::Point, std::vector<const TestResult*>> points;
  for (const auto& result : report.results) points[result.point].push_back(&result);
  for (const auto& [point, results] : points) {
    const auto bad = std::count_if(results.begin(), results.end(), [](const TestResult* each) { return !each->passed; });
    std::string name(policy::toString(point));
    name.resize(16, ' ');
    const auto of = static_cast<std::int64_t>(results.size());
    say(context, (bad > 0 ? context.bad("FAIL ") : context.good("ok   ")) + context.bold(name) + (bad > 0 ? std::to_string(bad) + " of " + counted(of, "test") + " failed" : counted(of, "test")));
    for (const auto* result : results) {
      if (result->passed && !options.verbose) continue;
      say(context, "     " + (result->passed ? context.good("ok   ") : context.bad("FAIL ")) + printable(result->name) + (result->golden ? context.dim(" (golden)") : ""));
      if (!result->passed) say(context, "          " + printable(result->message));
    }
  }
}

void showCoverage(const Context& context, const TestReport& report) {
  TextTable table({{"File", Align::left}, {"Lines", Align::right}, {"Run", Align::right}, {"Share", Align::right}, {"Never run", Align::left}});
  int lines = 0, ran = 0;
  const auto share = [](int part, int of) { return of == 0 ? std::string("–") : fixed(100.0 * part / of, 1) + " %"; };
  for (const auto& [path, file] : report.coverage) {
    lines += file.lines;
    ran += file.ran;
    table.row({path, std::to_string(file.lines), std::to_string(file.ran), share(file.ran, file.lines), ranges(file.missed)});
  }
  table.total({"Total", std::to_string(lines), std::to_string(ran), share(ran, lines), ""});
  say(context, "");
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "") << std::flush;
}

Json coverageJson(const TestReport& report) {
  Json files = Json::array();
  for (const auto& [path, file] : report.coverage) {
    Json missed = Json::array();
    for (const int line : file.missed) missed.push(line);
    files.push(Json::object({{"file", path}, {"lines", file.lines}, {"ran", file.ran}, {"missed", missed}}));
  }
  return Json::object({{"share", report.coveredShare()}, {"files", files}});
}

Outcome<bool> fuzz(const Context& context, const Options& options, policy::Engine& engine, const policy::PackDocument& pack, Json& out) {
  Progress progress(context, "Fuzzing");
  const auto total = static_cast<std::int64_t>(options.fuzz) * static_cast<std::int64_t>(pack.entry.size());
  CLI_TRY(const auto report, policy::fuzzPack(engine, pack, options.fuzz, static_cast<std::uint64_t>(options.seed), [&](std::int64_t done) { progress.update(done, total, "inputs"); }));
  progress.clear();
  Json examples = Json::array();
  if (!context.json) say(context, "");
  for (const auto& example : report.examples) {
    examples.push(Json::object({{"point", policy::toString(example.point)}, {"message", example.message}, {"input", example.input}}));
    if (context.json) continue;
    say(context, context.bad("FAULT ") + std::string(policy::toString(example.point)) + "  " + printable(example.message));
    say(context, "      input " + printable(example.input.dump().substr(0, 600)));
  }
  out.set("fuzz", Json::object({{"samples", report.samples}, {"faults", report.faults}, {"seed", options.seed}, {"examples", examples}}));
  say(context, (report.faults == 0 ? context.good("No fault") : context.bad(counted(report.faults, "fault"))) + " in " + counted(report.samples, "input") + " made from the schemas (--seed " + std::to_string(options.seed) + ").");
  return report.faults == 0;
}

Done bench(const Context& context, policy::Engine& engine, const policy::PackDocument& pack, Json& out) {
  CLI_TRY(const auto points, policy::benchPack(engine, pack, milliseconds(400)));
  TextTable table({{"Point", Align::left}, {"Decisions", Align::right}, {"p50", Align::right}, {"p99", Align::right}, {"Per second", Align::right}});
  Json list = Json::array();
  for (const auto& point : points) {
    const auto rate = point.mean_ns > 0 ? 1'000'000'000 / point.mean_ns : 0;
    table.row({std::string(policy::toString(point.point)), withThousands(point.decisions), micros(point.p50_ns), micros(point.p99_ns), withThousands(rate)});
    list.push(Json::object({{"point", policy::toString(point.point)}, {"decisions", point.decisions}, {"p50_ns", point.p50_ns}, {"p99_ns", point.p99_ns}, {"per_second", rate}}));
  }
  out.set("bench", list);
  if (context.json) return {};
  say(context, "");
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "") << std::flush;
  return {};
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto point, readPoint(options.point));
  CLI_TRY(const auto source, readPolicySource(options.source, point));
  if (source.bare && !point)
    return failed(Errc::usage_error, "A .lua file of its own has no tests, and no point to fuzz.", "Name a pack, or a point with --point; `ccp policy new` writes a pack.");
  CLI_CHECK(policy::Engine::selfTest());
  policy::Engine engine;
  const bool coverage = options.coverage || options.fail_under >= 0;
  CLI_TRY(const auto report, policy::runTests(engine, source.pack, coverage));
  if (!options.junit.empty()) CLI_CHECK(writeFileAtomic(options.junit, junitOf(report, source.pack.name)));

  Json out = Json::object({{"pack", source.pack.name}, {"version", source.pack.version}, {"tests", report.results.size()}, {"failures", report.failures()}});
  Json results = Json::array();
  Duration spent{};
  for (const auto& result : report.results) {
    spent += result.elapsed;
    Json line = Json::object({{"name", result.name}, {"point", policy::toString(result.point)}, {"passed", result.passed}, {"us", static_cast<std::int64_t>(result.elapsed.count())}});
    if (!result.passed) line.set("message", result.message);
    results.push(line);
  }
  out.set("results", results);
  bool good = report.passed();
  if (!context.json) {
    showTests(context, options, report);
    if (report.results.empty())
      say(context, "The pack has no tests.");
    else
      say(context, (good ? context.good("All " + counted(static_cast<std::int64_t>(report.results.size()), "test") + " passed") : context.bad(std::to_string(report.failures()) + " of " + counted(static_cast<std::int64_t>(report.results.size()), "test") + " failed")) + " in " + fixed(static_cast<double>(spent.count()) / 1000.0, 1) + " ms.");
  }
  if (coverage) {
    out.set("coverage", coverageJson(report));
    if (!context.json) showCoverage(context, report);
    if (options.fail_under >= 0 && report.coveredShare() * 100 + 1e-9 < options.fail_under) {
      good = false;
      say(context, context.bad("Too little: ") + fixed(report.coveredShare() * 100, 1) + " % of the lines run, " + fixed(options.fail_under, 1) + " % are asked for.");
    }
  }
  if (options.fuzz > 0) {
    CLI_TRY(const bool fine, fuzz(context, options, engine, source.pack, out));
    good = good && fine;
  }
  if (options.bench) CLI_CHECK(bench(context, engine, source.pack, out));
  out.set("passed", good);
  if (context.json) context.emit(out);
  return good ? kOk : kCheckFailed;
}

}  // namespace

void addPolicyTest(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "test", "Run a pack's own tests in the sandbox",
      [options](const Context& c) { return run(c, *options); },
      "A test is a file tests/NAME.json with one case or a list: {\"name\",\"point\",\"input\",\"expect\"}. Of expect the\n"
      "members that it names are compared; what the input leaves out of the required fields comes from the examples\n"
      "of the schema. Cases in golden/ are compared whole. The exit code is 1 when something fails.\n\n"
      "  ccp policy test packs/team --coverage --fail-under 90\n"
      "  ccp policy test packs/team --fuzz 10000      no input may make a policy fault\n"
      "  ccp policy test shipped --bench");
  tree.standalone(app);
  option(app, "pack", options->source, "The folder of a pack, a signed pack, or shipped").required().typeName("PACK");
  option(app, "--point", options->point, "Only this decision point").typeName("POINT");
  flag(app, "--coverage", options->coverage, "Show which lines ran");
  option(app, "--fail-under", options->fail_under, "Fail when less of the lines runs, in percent").range(0.0, 100.0).typeName("PERCENT");
  option(app, "--fuzz", options->fuzz, "Ask so many inputs made from the schema, per point").range(1, 10'000'000).typeName("N");
  option(app, "--seed", options->seed, "Other inputs for --fuzz").showDefault();
  flag(app, "--bench", options->bench, "Measure the decisions");
  flag(app, "--verbose,-v", options->verbose, "List every test");
  option(app, "--junit", options->junit, "Write a report as JUnit XML as well").typeName("FILE");
}

}  // namespace ccp::cli
