#include "cli/commands/policy/diff.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "cli/support/policy_table.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

using policy::Matrix;
using policy::MatrixAnswer;
using policy::MatrixRow;

struct Options {
  std::string before, after;
  std::string point;
  std::vector<std::string> fixed;
  std::uint64_t limit = 1'000'000;
  std::size_t rows = 200;
  bool rules = false;
};

/// What happens to people; other rules for the same answer count with --rules only.
bool differs(const MatrixAnswer& a, const MatrixAnswer& b, bool rules) {
  return a.allow != b.allow || a.lane != b.lane || a.effect != b.effect || a.fault.empty() != b.fault.empty() || (rules && a.rule != b.rule);
}

const char* kindOf(const MatrixAnswer& a, const MatrixAnswer& b) {
  if (!b.fault.empty() && a.fault.empty()) return "now a fault";
  if (a.allow && !b.allow) return "newly denied";
  if (!a.allow && b.allow) return "newly allowed";
  return a.lane != b.lane ? "rerouted" : "otherwise";
}

std::string answerText(const MatrixAnswer& answer) {
  if (!answer.fault.empty()) return "fault: " + answer.fault;
  std::string out = answer.allow ? "allow" : "deny";
  if (!answer.lane.empty()) out += " → " + answer.lane;
  if (!answer.rule.empty()) out += " (" + answer.rule + ")";
  return out;
}

struct Counts {
  std::uint64_t inputs = 0, flips = 0;
};

/// Outcomes that say the same count as one, so that rows tell of differences alone.
Matrix reduced(Matrix matrix, bool rules) {
  const auto same = static_cast<std::uint32_t>(matrix.outcomes.size());
  for (auto& cell : matrix.cells) {
    const auto& pair = matrix.outcomes[cell];
    if (!differs(pair[0], pair[1], rules)) cell = same;
  }
  matrix.outcomes.push_back({});
  return matrix;
}

Outcome<Counts> compare(const Context& context, const Options& options, policy::Engine& engine, const policy::PackDocument& before, const policy::PackDocument& after, policy::Point point, const std::map<std::string, Json>& fixed) {
  CLI_TRY(auto full, enumerate(context, engine, {&before, &after}, point, fixed, options.limit));
  const auto matrix = reduced(std::move(full), options.rules);
  const auto same = static_cast<std::uint32_t>(matrix.outcomes.size() - 1);
  Counts counts{matrix.cells.size(), 0};
  std::vector<MatrixRow> rows;
  for (auto& row : policy::summarize(matrix)) {
    if (row.outcome == same) continue;
    counts.flips += row.count;
    rows.push_back(std::move(row));
  }
  const auto& fields = matrix.plan.fields;
  if (context.json) {
    Json list = Json::array();
    for (const auto& row : rows) {
      Json where = Json::object();
      for (std::size_t i = 0; i < row.values.size(); ++i) {
        if (!row.values[i].empty()) where.set(fields[i].name(), valuesJson(fields[i], row.values[i]));
      }
      const auto& pair = matrix.outcomes[row.outcome];
      list.push(Json::object({{"where", where}, {"inputs", static_cast<std::int64_t>(row.count)}, {"kind", kindOf(pair[0], pair[1])}, {"before", answerJson(pair[0])}, {"after", answerJson(pair[1])}}));
    }
    auto line = planJson(matrix.plan);
    line.set("point", policy::toString(point)).set("inputs", matrix.cells.size()).set("flips", static_cast<std::int64_t>(counts.flips)).set("rows", list);
    context.emit(line);
    return counts;
  }
  const auto n = [](std::uint64_t count) { return withThousands(static_cast<std::int64_t>(count)); };
  say(context, context.bold(std::string(policy::toString(point))) + ": " + (counts.flips == 0 ? context.good("no difference") + " in " + n(counts.inputs) + " inputs." : context.bad(n(counts.flips) + " of " + n(counts.inputs) + " inputs come out otherwise") + "."));
  if (const auto held = heldText(matrix.plan); !held.empty()) say(context, context.dim(held));
  if (rows.empty()) return counts;
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return valuesText(fields[i], row.values[i]) != "any"; })) used.push_back(i);
  }
  std::vector<TextTable::Column> columns{{"Change", Align::left}};
  for (const auto i : used) columns.push_back({fields[i].name(), Align::left});
  columns.push_back({"Before", Align::left});
  columns.push_back({"After", Align::left});
  columns.push_back({"Inputs", Align::right});
  TextTable table(std::move(columns));
  for (std::size_t r = 0; r < rows.size() && r < options.rows; ++r) {
    const auto& pair = matrix.outcomes[rows[r].outcome];
    std::vector<std::string> cells{kindOf(pair[0], pair[1])};
    for (const auto i : used) cells.push_back(printable(valuesText(fields[i], rows[r].values[i])));
    cells.push_back(printable(answerText(pair[0])));
    cells.push_back(printable(answerText(pair[1])));
    cells.push_back(n(rows[r].count));
    table.row(std::move(cells));
  }
  say(context, "");
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "") << std::flush;
  if (rows.size() > options.rows) hint(context, std::to_string(rows.size() - options.rows) + " more rows: --rows, or fix a field with --fix.");
  say(context, "");
  return counts;
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto asked, readPoint(options.point));
  CLI_TRY(const auto before, readPolicySource(options.before, asked));
  CLI_TRY(const auto after, readPolicySource(options.after, asked));
  CLI_TRY(const auto fixed, readFixed(options.fixed));
  std::vector<policy::Point> points, alone;
  for (const auto& info : policy::allPoints()) {
    const bool a = before.pack.entry.contains(info.point), b = after.pack.entry.contains(info.point);
    if (a && b) points.push_back(info.point);
    else if (a || b) alone.push_back(info.point);
  }
  if (points.empty())
    return failed(Errc::usage_error, "There is no decision point that both answer.", "Name one with --point when you compare .lua files: " + allPointNames() + ".");
  if (!fixed.empty() && points.size() > 1) return failed(Errc::usage_error, "The packs answer several points, and --fix is for one.", "Name one with --point.");
  CLI_CHECK(policy::Engine::selfTest());
  policy::Engine engine;
  std::uint64_t flips = 0;
  for (const auto point : points) {
    CLI_TRY(const auto counts, compare(context, options, engine, before.pack, after.pack, point, fixed));
    flips += counts.flips;
  }
  for (const bool first : {true, false}) {
    std::string names;
    for (const auto point : alone) {
      if (before.pack.entry.contains(point) == first) names += (names.empty() ? "" : ", ") + std::string(policy::toString(point));
    }
    if (!names.empty()) hint(context, "Not compared, since " + (first ? options.before : options.after) + " alone answers: " + names + ".");
  }
  return flips > 0 ? kCheckFailed : kOk;
}

}  // namespace

void addPolicyDiff(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "diff", "Show every input for which two packs answer otherwise",
      [options](const Context& c) { return run(c, *options); },
      "Asks both packs every combination of the fields that either of them reads (see `ccp policy matrix`) and prints\n"
      "the ones that come out otherwise: newly denied, newly allowed, rerouted, now a fault. The exit code is 1 when\n"
      "there are any.\n\n"
      "  ccp policy diff packs/team packs/team-draft\n"
      "  ccp policy diff shipped packs/acme --point seat.assign --rules");
  tree.standalone(app);
  option(app, "before", options->before, "A folder, a signed pack, a .lua file, or shipped").required().typeName("PACK");
  option(app, "after", options->after, "The other one").required().typeName("PACK");
  option(app, "--point", options->point, "Only this decision point").typeName("POINT");
  option(app, "--fix", options->fixed, "Leave a field at one value; repeatable").typeName("FIELD=VALUE");
  flag(app, "--rules", options->rules, "The same answer by another rule counts too");
  option(app, "--limit", options->limit, "Most combinations of a point").showDefault().typeName("N");
  option(app, "--rows", options->rows, "Most rows to print").showDefault().typeName("N");
}

}  // namespace ccp::cli
