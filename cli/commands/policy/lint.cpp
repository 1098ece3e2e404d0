#include "cli/commands/policy/lint.hpp"

#include <algorithm>
#include <memory>
#include <tuple>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "cli/support/text_table.hpp"
#include "policy/analysis/lint.hpp"
#include "policy/engine/engine.hpp"

namespace ccp::cli {
namespace {

using policy::Finding;
using policy::Severity;

struct Options {
  std::string source;
  std::string point;
  bool strict = false;
};

/// What the interpreter says of a file in which lint found no wrong grammar: "p.lua:3: …".
void addCompiled(policy::Engine& engine, const PolicySource& source, std::vector<Finding>& findings) {
  for (const auto& [name, text] : source.pack.files) {
    const std::string& path = name;  // clang 14 captures no structured bindings
    const bool broken = std::any_of(findings.begin(), findings.end(), [&path](const Finding& each) { return each.file == path && (each.code == "syntax" || each.code == "decide_missing"); });
    if (broken || !path.ends_with(".lua")) continue;
    const auto program = engine.load(path, text, source.pack.data);
    if (program) continue;
    auto message = program.error().detail;
    int line = 0;
    if (message.starts_with(path + ":")) {
      message.erase(0, path.size() + 1);
      line = std::atoi(message.c_str());
      const auto colon = message.find(": ");
      if (line > 0 && colon != std::string::npos) message.erase(0, colon + 2);
    }
    // Of a goto without its label the interpreter notices at the end only, but says where it was.
    if (const auto at = message.rfind(" at line "); at != std::string::npos) {
      if (const int named = std::atoi(message.c_str() + at + 9); named > 0) line = named;
    }
    // What fails there has been said already, and better.
    const bool said = line > 0 && std::any_of(findings.begin(), findings.end(), [&](const Finding& each) { return each.severity == Severity::error && each.file == path && each.line == line; });
    if (said) continue;
    findings.push_back({Severity::error, "compile", path, line, line > 0 ? 1 : 0, "The file does not load: " + message + ".", "Correct the line."});
  }
}

std::string lineOf(const policy::PackDocument& pack, const Finding& finding) {
  const auto* text = pack.file(finding.file);
  if (text == nullptr || finding.line <= 0) return {};
  std::size_t at = 0;
  for (int line = 1; line < finding.line; ++line) {
    at = text->find('\n', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  return text->substr(at, std::min(text->find('\n', at), text->size()) - at);
}

void show(const Context& context, const policy::PackDocument& pack, const Finding& finding) {
  const bool error = finding.severity == Severity::error;
  std::string place = finding.file;
  if (finding.line > 0) place += ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column);
  say(context, context.bold(printable(place)) + "  " + (error ? context.bad("error") : "warning") + "  " + context.dim(finding.code));
  auto line = lineOf(pack, finding);
  if (!line.empty() && displayWidth(line) <= 160) {
    std::replace(line.begin(), line.end(), '\t', ' ');
    const auto number = std::to_string(finding.line);
    say(context, context.dim("  " + number + " │ ") + printable(line));
    say(context, context.dim("  " + std::string(number.size(), ' ') + " │ ") + std::string(static_cast<std::size_t>(std::max(0, finding.column - 1)), ' ') + (error ? context.bad("^") : "^"));
  }
  say(context, "  " + printable(finding.message) + " " + printable(finding.next_step));
  say(context, "");
}

std::string counted(std::size_t n, const std::string& word) { return std::to_string(n) + " " + word + (n == 1 ? "" : "s"); }

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto point, readPoint(options.point));
  CLI_TRY(const auto source, readPolicySource(options.source, point));
  std::vector<Finding> findings;
  if (source.bare) {
    const auto& [path, text] = source.pack.files.front();
    findings = policy::lintFile(path, text, point ? &policy::inputSchema(*point) : nullptr, point ? &policy::resultSchema(*point) : nullptr);
  } else {
    findings = policy::lint(source.pack);
  }
  CLI_CHECK(policy::Engine::selfTest());
  policy::Engine engine;
  addCompiled(engine, source, findings);
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    // What is said of a file as a whole stands behind its lines.
    const bool whole_a = a.line == 0, whole_b = b.line == 0;
    return std::tie(a.file, whole_a, a.line) < std::tie(b.file, whole_b, b.line);
  });

  const auto errors = static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [](const Finding& each) { return each.severity == Severity::error; }));
  const auto warnings = findings.size() - errors;
  const auto files = static_cast<std::size_t>(std::count_if(source.pack.files.begin(), source.pack.files.end(), [](const auto& file) { return file.first.ends_with(".lua"); }));
  if (context.json) {
    Json list = Json::array();
    for (const auto& each : findings) {
      list.push(Json::object({{"severity", each.severity == Severity::error ? "error" : "warning"}, {"code", each.code}, {"file", each.file}, {"line", each.line}, {"column", each.column}, {"message", each.message}, {"next_step", each.next_step}}));
    }
    context.emit(Json::object({{"findings", list}, {"errors", errors}, {"warnings", warnings}, {"files", files}}));
  } else {
    for (const auto& each : findings) show(context, source.pack, each);
    const auto in = " in " + counted(files, "file") + ".";
    if (findings.empty())
      say(context, context.good("No findings") + in);
    else
      say(context, (errors > 0 ? context.bad(counted(errors, "error")) : counted(errors, "error")) + ", " + counted(warnings, "warning") + in);
    if (source.bare && !point) hint(context, "With --point the fields of the input and the answers are checked too.");
  }
  return errors > 0 || (options.strict && warnings > 0) ? kCheckFailed : kOk;
}

}  // namespace

void addPolicyLint(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "lint", "Find mistakes in policies without running them",
      [options](const Context& c) { return run(c, *options); },
      "Holds every field that a policy reads against the schema of its point (a typo is an error), and names what\n"
      "the sandbox has not, globals, conditions that are always true, code that is never reached, answers that the\n"
      "point does not know, invisible marks. The exit code is 1 when there is an error. A pack with one is not\n"
      "activated.\n\n"
      "  ccp policy lint packs/team\n"
      "  ccp policy lint rule.lua --point model.use --json");
  tree.standalone(app);
  option(app, "policy", options->source, "The folder of a pack, a signed pack, a .lua file, or shipped").required().typeName("PACK");
  option(app, "--point", options->point, "Decision point of a .lua file; of a pack: only this one").typeName("POINT");
  flag(app, "--strict", options->strict, "Warnings fail too");
}

}  // namespace ccp::cli
