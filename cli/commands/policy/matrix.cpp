#include "cli/commands/policy/matrix.hpp"

#include <algorithm>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "cli/support/policy_table.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

using policy::Matrix;

struct Options {
  std::string source;
  std::string point;
  std::vector<std::string> fixed;
  std::uint64_t limit = 1'000'000;
  std::size_t rows = 200;
};

void show(const Context& context, const Matrix& matrix, const std::vector<policy::MatrixRow>& rows, std::size_t most) {
  const auto& fields = matrix.plan.fields;
  std::vector<std::size_t> used;  // columns that some row says something in
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return valuesText(fields[i], row.values[i]) != "any"; })) used.push_back(i);
  }
  const bool lanes = std::any_of(matrix.outcomes.begin(), matrix.outcomes.end(), [](const auto& each) { return !each.front().lane.empty(); });
  std::vector<TextTable::Column> columns{{"Answer", Align::left}};
  for (const auto i : used) columns.push_back({fields[i].name(), Align::left});
  if (lanes) columns.push_back({"To lane", Align::left});
  columns.push_back({"Rule", Align::left});
  columns.push_back({"Inputs", Align::right});
  TextTable table(std::move(columns));
  std::uint64_t allowed = 0, faults = 0;
  std::size_t shown = 0;
  for (const auto& row : rows) {
    const auto& answer = matrix.outcomes[row.outcome].front();
    if (!answer.fault.empty()) faults += row.count;
    else if (answer.allow) allowed += row.count;
    if (shown++ >= most) continue;
    std::vector<std::string> cells{!answer.fault.empty() ? "FAULT" : answer.allow ? "allow" : "deny"};
    for (const auto i : used) cells.push_back(printable(valuesText(fields[i], row.values[i])));
    if (lanes) cells.push_back(printable(answer.lane));
    cells.push_back(printable(answer.fault.empty() ? answer.rule : answer.fault));
    cells.push_back(withThousands(static_cast<std::int64_t>(row.count)));
    table.row(std::move(cells));
  }
  const auto total = matrix.cells.size();
  say(context, context.bold(std::string(policy::toString(matrix.plan.point))) + ": " + withThousands(static_cast<std::int64_t>(total)) + " inputs of " + std::to_string(fields.size()) + (fields.size() == 1 ? " field, " : " fields, ") +
                   context.good(withThousands(static_cast<std::int64_t>(allowed)) + " allowed") + ", " + withThousands(static_cast<std::int64_t>(total - allowed - faults)) + " denied" +
                   (faults > 0 ? ", " + context.bad(withThousands(static_cast<std::int64_t>(faults)) + " faults") : "") + ".");
  if (const auto held = heldText(matrix.plan); !held.empty()) say(context, context.dim(held));
  say(context, "");
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "") << std::flush;
  if (rows.size() > most) hint(context, std::to_string(rows.size() - most) + " more rows: --rows, or fix a field with --fix.");
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto asked, readPoint(options.point));
  CLI_TRY(const auto source, readPolicySource(options.source, asked));
  if (source.pack.entry.empty())
    return failed(Errc::usage_error, "Which point is " + options.source + " entered at?", "Name it with --point: " + allPointNames() + ".");
  CLI_TRY(const auto fixed, readFixed(options.fixed));
  if (!fixed.empty() && source.pack.entry.size() > 1)
    return failed(Errc::usage_error, "The pack answers several points, and --fix is for one.", "Name one with --point.");
  CLI_CHECK(policy::Engine::selfTest());
  policy::Engine engine;
  bool faults = false, first = true;
  for (const auto& [point, path] : source.pack.entry) {
    CLI_TRY(const auto matrix, enumerate(context, engine, {&source.pack}, point, fixed, options.limit));
    const auto rows = policy::summarize(matrix);
    for (const auto& outcome : matrix.outcomes) faults = faults || !outcome.front().fault.empty();
    if (context.json) {
      Json list = Json::array();
      for (const auto& row : rows) {
        Json where = Json::object();
        for (std::size_t i = 0; i < row.values.size(); ++i) {
          if (!row.values[i].empty()) where.set(matrix.plan.fields[i].name(), valuesJson(matrix.plan.fields[i], row.values[i]));
        }
        list.push(Json::object({{"where", where}, {"inputs", static_cast<std::int64_t>(row.count)}, {"answer", answerJson(matrix.outcomes[row.outcome].front())}}));
      }
      auto line = planJson(matrix.plan);
      line.set("point", policy::toString(point)).set("inputs", matrix.cells.size()).set("rows", list);
      context.emit(line);
      continue;
    }
    if (!first) say(context, "");
    first = false;
    show(context, matrix, rows, options.rows);
  }
  return faults ? kCheckFailed : kOk;
}

}  // namespace

void addPolicyMatrix(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "matrix", "Show what a policy answers for every combination of its fields",
      [options](const Context& c) { return run(c, *options); },
      "Takes the fields that the policy reads and that have few values (roles, states, booleans, texts and numbers at\n"
      "the constants that it compares them with, else at those of the tests), asks every combination, and prints the\n"
      "answers in as few rows as it can. A list of what was not varied stands above. The exit code is 1 when some input is a fault.\n\n"
      "  ccp policy matrix packs/team --point model.use\n"
      "  ccp policy matrix shipped --point quota.overage --fix org.state=active");
  tree.standalone(app);
  option(app, "pack", options->source, "The folder of a pack, a signed pack, a .lua file, or shipped").required().typeName("PACK");
  option(app, "--point", options->point, "Only this decision point; of a .lua file: where it is entered").typeName("POINT");
  option(app, "--fix", options->fixed, "Leave a field at one value; repeatable").typeName("FIELD=VALUE");
  option(app, "--limit", options->limit, "Most combinations of a point").showDefault().typeName("N");
  option(app, "--rows", options->rows, "Most rows to print").showDefault().typeName("N");
}

}  // namespace ccp::cli
