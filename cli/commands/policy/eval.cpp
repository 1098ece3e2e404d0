#include "cli/commands/policy/eval.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "policy/engine/engine.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::cli {
namespace {

using policy::Engine;
using policy::Limits;
using policy::PackDocument;
using policy::Point;

struct Options {
  std::string source;
  std::string point;
  std::string input;
  int repeat = 1;
};

/// The engine refuses what is longer; nothing needs to be read beyond it.
constexpr std::size_t kInputBytes = 256u << 10;
/// Base64 of the largest document, and the JSON around it.
constexpr std::size_t kSourceBytes = policy::kMaxDocumentBytes / 3 * 4 + (64u << 10);

/// What decides: a file of its own or out of a pack.
struct Subject {
  std::string path;
  std::string text;
  Json data = Json::object();
  Limits limits;
};

/// Without the options' default of all of stdin: at most one byte more than the engine takes.
Result<std::string> readInput(const std::string& from) {
  if (from.empty()) return std::string("{}");
  if (from != "-") {
    auto text = readFile(from, kInputBytes);
    if (!text) return fail(Errc::io_error, "the input: " + text.error().detail);
    return text;
  }
  std::string out;
  char buffer[16384];
  while (out.size() <= kInputBytes) {
    const auto n = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(Errc::io_error,
                  std::string("the input: Cannot read stdin: ") + std::strerror(errno) + ".");
    if (n == 0) break;
    out.append(buffer, static_cast<std::size_t>(n));
  }
  return out;
}

/// A pack's wishes within what the host grants.
Limits limitsOf(const Json& wishes) {
  Limits out;
  const auto grant = [&wishes](const char* name, std::int64_t normal, std::int64_t most) {
    return std::clamp<std::int64_t>(wishes.intOr(name, normal), 1, most);
  };
  const auto ms = [](Duration d) {
    return static_cast<std::int64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
  };
  out.fuel = static_cast<std::uint64_t>(grant("fuel", static_cast<std::int64_t>(out.fuel),
                                              static_cast<std::int64_t>(policy::kMaxLimits.fuel)));
  out.memory =
      static_cast<std::size_t>(grant("memory_bytes", static_cast<std::int64_t>(out.memory),
                                     static_cast<std::int64_t>(policy::kMaxLimits.memory)));
  out.wall = milliseconds(grant("wall_ms", ms(out.wall), ms(policy::kMaxLimits.wall)));
  return out;
}

std::string pointsOf(const PackDocument& pack) {
  std::string out;
  for (const auto& [point, path] : pack.entry) {
    out += out.empty() ? "" : ", ";
    out += policy::toString(point);
  }
  return out;
}

/// The entry of a pack. Only the question which one may be a mistake of the command line.
Outcome<Subject> entryOf(const PackDocument& pack, const std::optional<Point>& asked) {
  if (!asked && pack.entry.size() != 1)
    return failed(Errc::usage_error, "The pack answers several points: " + pointsOf(pack) + ".",
                  "Name one with --point.");
  const auto point = asked ? *asked : pack.entry.begin()->first;
  const auto entry = pack.entry.find(point);
  if (entry == pack.entry.end())
    return failed(Errc::usage_error,
                  "The pack does not answer " + std::string(policy::toString(point)) +
                      "; it answers " + pointsOf(pack) + ".",
                  "Name another one with --point.");
  const auto* text = pack.file(entry->second);
  if (text == nullptr)
    return failed(Errc::policy_document_invalid, "The pack has no file " + entry->second + ".");
  return Subject{entry->second, *text, pack.data, limitsOf(pack.limits)};
}

Result<PackDocument> readEnvelope(const std::string& text) {
  CCP_TRY(const auto envelope, crypto::parseDsse(text, kSourceBytes));
  if (envelope.payload_type != policy::kPayloadPack)
    return fail(Errc::policy_wrong_type,
                "The envelope holds \"" + envelope.payload_type + "\", not a pack.");
  return policy::parsePack(envelope.payload);
}

/// The name that stands in messages: the engine takes plain ASCII only.
std::string shownName(const std::string& path) {
  auto name = std::filesystem::path(path).filename().string().substr(0, 100);
  for (auto& c : name)
    if (c < 0x20 || c >= 0x7f) c = '?';
  return name.empty() ? "policy.lua" : name;
}

/// `policy_…` and `io_error` failures are the policy's, `usage_error` the caller's.
Outcome<Subject> readSubject(const Options& options, const std::optional<Point>& point) {
  std::error_code ignored;
  if (std::filesystem::is_directory(options.source, ignored)) {
    CLI_TRY(const auto pack, policy::readPackFolder(options.source));
    return entryOf(pack, point);
  }
  CLI_TRY(auto text, readFile(options.source, kSourceBytes));
  const auto first = text.find_first_not_of(" \t\r\n");
  // No Lua program begins with a brace, every envelope does.
  if (first != std::string::npos && text[first] == '{') {
    CLI_TRY(const auto pack, readEnvelope(text));
    return entryOf(pack, point);
  }
  Subject out;
  out.path = shownName(options.source);
  out.text = std::move(text);
  return out;
}

Json errorLine(const char* code, const std::string& message) {
  return Json::object({{"error", Json::object({{"code", code}, {"message", message}})}});
}

Outcome<int> refuseAll(const Context& context, const Options& options, const char* code,
                       const std::string& message) {
  for (int i = 0; i < options.repeat; ++i) context.emit(errorLine(code, message));
  return kUndecided;
}

Outcome<int> run(const Context& context, const Options& options) {
  std::optional<Point> point;
  if (!options.point.empty()) {
    CLI_TRY(point, readPoint(options.point));
  }
  const auto load_error = [&](const std::string& message) {
    return refuseAll(context, options, policy::toString(policy::Fault::load_error), message);
  };
  const auto subject = readSubject(options, point);
  if (!subject) {
    if (subject.error().is(Errc::usage_error)) return failed(subject.error());
    return load_error(subject.error().detail);
  }
  if (const auto fit = Engine::selfTest(); !fit) return load_error(fit.error().text());
  Engine engine;
  const auto program = engine.load(subject->path, subject->text, subject->data, subject->limits);
  if (!program) return load_error(program.error().detail);
  const auto input = readInput(options.input);
  if (!input)
    return refuseAll(context, options, policy::toString(policy::Fault::runtime_error),
                     input.error().detail);

  bool decided = true;
  for (int i = 0; i < options.repeat; ++i) {
    const auto outcome = engine.decide(*program, *input, subject->limits);
    if (outcome.fault == policy::Fault::none) {
      context.emit(Json::object({{"decision", outcome.result}}));
    } else {
      decided = false;
      context.emit(errorLine(policy::toString(outcome.fault), outcome.message));
    }
  }
  if (!decided && options.input.empty())
    hint(context, "No question was given, so that the input was {}: --input FILE, or - for stdin.");
  return decided ? kOk : kUndecided;
}

}  // namespace

void addPolicyEval(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "eval", "Decide with a policy file or a pack",
      [options](const Context& c) { return run(c, *options); },
      "Runs the policy in the sandbox of the server, with its budgets, and prints one line of JSON "
      "for each\n"
      "decision: {\"decision\":{...}}, or {\"error\":{\"code\",\"message\"}} with the code "
      "timeout, "
      "memory,\n"
      "load_error, runtime_error or bad_result. The exit code is 3 unless every call decided. "
      "Signatures are not\n"
      "looked at: see `ccp policy verify`.\n\n"
      "  ccp policy eval rule.lua --input question.json      a file of its own\n"
      "  echo '{\"seat\":7}' | ccp policy eval rule.lua --input -\n"
      "  ccp policy eval packs/team --point model.use        an entry of a pack, with the input "
      "{}");
  tree.standalone(app);
  option(app, "policy", options->source, "A .lua file, the folder of a pack, or a signed pack")
      .required()
      .typeName("FILE");
  option(app, "--point", options->point, "Which entry of a pack: model.use, redact, …")
      .typeName("POINT");
  option(app, "--input", options->input, "File with the input, - for stdin (else {})")
      .typeName("FILE");
  option(app, "--repeat", options->repeat, "Decide so many times")
      .range(1, 1'000'000)
      .showDefault();
}

}  // namespace ccp::cli
