#include "cli/commands/policy/decisions.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_log.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

struct Options {
  LogOwner owner;
  std::string point, outcome, since;
  int limit = 20;
  bool shadow = false;
  bool verify = false;
};

Outcome<int> verify(const Context& context, const Options& options) {
  CLI_TRY(const auto report, logCall(context, options.owner, "GET", "decisions/chain"));
  const bool ok = report.boolOr("ok");
  if (context.json) {
    context.emit(report);
    return ok ? kOk : kCheckFailed;
  }
  for (const auto& sentence : report["broken"].items()) context.out << context.bad(printable(sentence.asString() ? *sentence.asString() : "")) << "\n";
  context.out << withThousands(report.intOr("records")) << " records in " << withThousands(report.intOr("chains")) << " chains: "
              << (ok ? context.good("all as written") : context.bad("not what was written")) << "\n";
  return ok ? kOk : kCheckFailed;
}

Outcome<int> run(const Context& context, const Options& options) {
  if (options.verify) return verify(context, options);
  CLI_TRY(const auto since, sinceText(context, options.since));
  std::string path = "decisions?limit=" + std::to_string(options.limit);
  if (!options.point.empty()) path += "&point=" + urlEncode(options.point);
  if (!options.outcome.empty()) path += "&outcome=" + urlEncode(options.outcome);
  if (!since.empty()) path += "&since=" + urlEncode(since);
  if (options.shadow) path += "&shadow=true";
  CLI_TRY(const auto page, logCall(context, options.owner, "GET", path));
  if (context.json) {
    context.emit(page);
    return kOk;
  }
  if (page["decisions"].empty()) {
    say(context, "No decision fits.");
    return kOk;
  }
  TextTable table({{"WHEN"}, {"POINT"}, {"OUTCOME"}, {"RULE"}, {"ID"}});
  for (const auto& d : page["decisions"].items()) {
    const auto at = parseRfc3339(d.strOr("ts"));
    table.row({at ? relativeTime(*at, context.clock.now()) : "–", printable(d.strOr("point")), printable(d.strOr("outcome")), printable(d.strOr("rule")), printable(d.strOr("id"))});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  hint(context, "`ccp policy explain ID` says why.");
  return kOk;
}

}  // namespace

void addPolicyDecisions(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "decisions", "What policies decided, newest first", [options](const Context& c) { return run(c, *options); },
      "  ccp policy decisions --outcome deny --since 7d\n"
      "  ccp policy decisions --verify        is the log what was written? exit 1 when it is not");
  option(app, "--point", options->point, "Of one decision point").typeName("POINT");
  option(app, "--outcome", options->outcome, "allow, deny, error, timeout, memory, stale; fault for the last four").typeName("WORD");
  option(app, "--since", options->since, "Of this age at most: 30d, or an RFC 3339 time").typeName("AGE");
  option(app, "--limit", options->limit, "How many").range(1, 200).showDefault();
  flag(app, "--shadow", options->shadow, "Answers of drafts, which nobody obeyed");
  flag(app, "--verify", options->verify, "Check every record against its chain");
  addLogOwner(app, options->owner);
}

}  // namespace ccp::cli
