#include "cli/commands/policy/explain.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_log.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "policy/evaluation/explain.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::cli {
namespace {

constexpr std::size_t kInputBytes = 256u << 10;

struct Options {
  LogOwner owner;
  std::string what, point, input;
};

void fact(const Context& context, const std::string& name, const std::string& value) {
  if (!value.empty()) context.out << "  " << context.dim(name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ')) << value << "\n";
}

std::string shown(const Json& value) {
  return printable(value.isString() ? *value.asString() : value.dump());
}

/// What each pack said and which lines ran: toJson() of an explanation.
void showPacks(const Context& context, const Json& again) {
  for (const auto& pack : again["packs"].items()) {
    context.out << "\n" << context.bold(printable(pack.strOr("org") + "/" + pack.strOr("name")) + " " + std::to_string(pack.intOr("version"))) << "  "
                << printable(pack.strOr("sha256").substr(0, 12)) << "\n";
    if (!pack["signers"].empty()) fact(context, "signed by", listText(pack["signers"]));
    fact(context, "file", printable(pack.strOr("file")) + " (" + pack.strOr("class") + ")");
    fact(context, "limits", withThousands(pack.intOr("fuel")) + " of " + withThousands(pack.intOr("fuel_limit")) + " fuel, " +
                                withThousands(pack.intOr("memory_peak")) + " of " + withThousands(pack.intOr("memory_limit")) + " bytes, " +
                                withThousands(pack.intOr("us")) + " µs");
    if (!pack["fault"].isNull()) fact(context, "fault", context.bad(printable(pack.strOr("fault")) + ": " + printable(pack.strOr("message"))));
    if (pack.strOr("condition") != "asked") fact(context, "not asked", printable(pack.strOr("condition")));
    fact(context, "answer", shown(pack["result"]));
    for (const auto& line : pack["lines"].items()) {
      const std::string number = std::to_string(line.intOr("line"));
      context.out << "  " << context.dim(std::string(number.size() < 5 ? 5 - number.size() : 0, ' ') + number + " │ ") << printable(line.strOr("text")) << "\n";
    }
  }
}

void showFields(const Context& context, const Json& read, const Json& input) {
  if (read.empty()) return;
  context.out << "\nIt read:\n";
  for (const auto& field : read.items()) {
    const std::string pointer = field.asString() ? *field.asString() : std::string();
    const Json* value = input.at(pointer);
    fact(context, printable(pointer), value != nullptr ? shown(*value) : "(not there)");
  }
}

// --- from the log -----------------------------------------------------------------------------

Outcome<int> explainLogged(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, logCall(context, options.owner, "GET", "decisions/" + urlEncode(options.what) + "?explain=true"));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const Json& d = answer["decision"];
  const Json& again = answer["again"];
  context.out << context.bold(printable(d.strOr("point"))) << "  " << verdictText(context, d) << "\n";
  fact(context, "id", printable(d.strOr("id")) + ", " + printable(d.strOr("ts")));
  fact(context, "for", printable(d.strOr("org", "the server itself")) + (d["seat"].isString() ? ", seat " + printable(d.strOr("seat")) + " (hashed)" : ""));
  fact(context, "decided by", printable(d.strOr("instance")) + ", channel " + printable(d.strOr("channel")) + ", generation " + std::to_string(d.intOr("generation")) +
                                  ", from " + printable(d.strOr("source")) + (d.boolOr("stale") ? context.bad(", on documents that ran out") : ""));
  for (const auto& pack : d["packs"].items()) {
    fact(context, "pack", printable(pack.strOr("org")) + "/" + printable(pack.strOr("name")) + " " + std::to_string(pack.intOr("version")) + "  " + printable(pack.strOr("sha256").substr(0, 12)));
  }
  fact(context, "cost", withThousands(d.intOr("fuel")) + " fuel, " + withThousands(d.intOr("mem_peak")) + " bytes, " + withThousands(d.intOr("us")) + " µs");
  if (!d["fields_read"].empty()) context.out << "\nIt read:\n";
  for (const auto& [pointer, value] : d["fields_read"].members()) fact(context, printable(pointer), shown(value));
  if (again.isNull()) {
    context.out << "\nThe lines that ran are not known. " << printable(answer.strOr("why_not")) << "\n";
    return kOk;
  }
  context.out << "\nDecided again: " << verdictText(context, again["decision"]) << " ("
              << (again["reproduced"].isNull() ? "it read masked values, so this proves nothing" : again.boolOr("reproduced") ? "the same, with the same fuel" : context.bad("not the same")) << ")\n";
  showPacks(context, again);
  return kOk;
}

// --- from a file ------------------------------------------------------------------------------

Outcome<int> explainDraft(const Context& context, const Options& options) {
  CLI_TRY(auto document, readDraft(context, options.what, options.point));
  std::optional<policy::Point> point = policy::pointFromName(options.point);
  if (!options.point.empty() && !point) return failed(Errc::usage_error, "There is no decision point \"" + printable(options.point) + "\".");
  if (!point && document.entry.size() != 1) return failed(Errc::usage_error, "The pack answers several points.", "Name one with --point.");
  if (!point) point = document.entry.begin()->first;
  if (!document.entry.contains(*point)) return failed(Errc::usage_error, "The pack does not answer " + std::string(policy::toString(*point)) + ".", "Name another one with --point.");
  CLI_TRY(const auto text, readFile(options.input, kInputBytes));
  CLI_TRY(const auto input, parseJson(text));
  CLI_CHECK(policy::Engine::selfTest());
  policy::Engine engine;
  policy::VerifiedSet set;
  set.org = document.org.empty() ? std::string(policy::kOperatorSet) : document.org;
  set.packs.push_back({document, sha256Hex(policy::toText(document)), {}});
  CLI_TRY(const auto compiled, policy::CompiledSet::compile(engine, std::move(set)));
  const auto explanation = policy::explain(*point, text, *compiled, nullptr, {});
  const Json json = policy::toJson(explanation);
  const bool decided = explanation.packs.front().outcome.fault == policy::Fault::none;
  if (context.json) {
    context.emit(json);
    return decided ? kOk : kUndecided;
  }
  for (const auto& broken : policy::inputSchema(*point).check(input)) hint(context, "The input is not one of this point: " + broken.pointer + ": " + broken.rule);
  context.out << context.bold(std::string(policy::toString(*point))) << "  " << verdictText(context, json["decision"]) << "\n";
  showFields(context, json["fields_read"], input);
  showPacks(context, json);
  return decided ? kOk : kUndecided;
}

Outcome<int> run(const Context& context, const Options& options) {
  if (!options.input.empty()) return explainDraft(context, options);
  if (isId(options.what, "dec")) return explainLogged(context, options);
  return failed(Errc::usage_error, "\"" + printable(options.what) + "\" is not the id of a decision.",
                "`ccp policy decisions` lists ids; for a file or a pack give its input with --input.");
}

}  // namespace

void addPolicyExplain(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "explain", "Why a decision is what it is: the rule, the lines that ran, what they read", [options](const Context& c) { return run(c, *options); },
      "A recorded decision is decided again by the server, with the very packs that answered, if its input was\n"
      "kept (policy.replay_store); otherwise the log's record is shown.\n\n"
      "  ccp policy explain dec_01jdp…                              a recorded decision\n"
      "  ccp policy explain packs/team --point model.use --input question.json");
  option(app, "what", options->what, "Id of a decision; or a .lua file, the folder of a pack, or a signed pack").required().typeName("ID|FILE");
  option(app, "--point", options->point, "Which entry of a pack, or what a .lua file answers").typeName("POINT");
  option(app, "--input", options->input, "File with the input to decide on").typeName("FILE");
  addLogOwner(app, options->owner);
}

}  // namespace ccp::cli
