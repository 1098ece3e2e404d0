#include "cli/commands/policy/new.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_source.hpp"
#include "core/base/file.hpp"
#include "policy/engine/engine.hpp"
#include "policy/packs/shipped.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::cli {
namespace {

namespace fs = std::filesystem;
using policy::Point;

struct Options {
  std::string name;
  std::vector<std::string> points;
  std::string folder;
  std::string org;
  bool shipped = false;
};

using Files = std::map<std::string, std::string>;

std::string fileOf(Point point) {
  std::string out(policy::toString(point));
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

/// "model.use" → "ModelUse", as the editor stubs name the types.
std::string typeOf(Point point) {
  std::string out;
  bool up = true;
  for (const char c : policy::toString(point)) {
    if (c == '.') {
      up = true;
      continue;
    }
    out += up ? static_cast<char>(c - 32) : c;
    up = false;
  }
  return out;
}

std::string policyText(Point point) {
  const auto& about = policy::info(point);
  return "-- " + std::string(about.name) + ": " + std::string(about.title) +
         "\n--\n-- `input` is what the point asks about: an editor with the Lua language server knows every field of it\n"
         "-- (types/ccp.lua). The answer is a table with `allow`; `reason` is for the person who asked, `rule` for logs\n"
         "-- and `ccp policy explain`. A decision sees its input and ccp.data alone: no clock, no network, no state.\n" +
         (about.commercial ? "" : "-- The operator's policies are asked as well: an answer here can narrow theirs, never widen it.\n") +
         "\n---@param input " + typeOf(point) + "Input\n---@return " + typeOf(point) + "Result\nfunction decide(input)\n"
         "  -- The first rule that fits decides.\n"
         "  if input.subject.role == \"viewer\" then\n"
         "    return { allow = false, rule = \"role.viewer\", reason = \"Viewers look on; ask a member.\" }\n"
         "  end\n\n"
         "  -- What nothing speaks against is allowed. Say so in one place, at the end.\n"
         "  return { allow = true, rule = \"default\", reason = \"Nothing speaks against it.\" }\n"
         "end\n";
}

std::string testsText(Point point) {
  const std::string name(policy::toString(point));
  return "[\n  {\"name\": \"" + name + ": a viewer looks on\", \"point\": \"" + name +
         "\",\n   \"input\": {\"subject\": {\"kind\": \"user\", \"role\": \"viewer\"}},\n   \"expect\": {\"allow\": false, \"rule\": \"role.viewer\"}},\n"
         "  {\"name\": \"" + name + ": a member may\", \"point\": \"" + name +
         "\",\n   \"input\": {\"subject\": {\"kind\": \"user\", \"role\": \"member\"}},\n   \"expect\": {\"allow\": true}}\n]\n";
}

/// What CCP ships for the point: policy, tests, and the constants that it reads.
void addShipped(Point point, Files& files) {
  const auto& pack = policy::shippedSet().packs.front().document;
  const auto path = pack.entry.at(point);
  const auto& source = *pack.file(path);
  files[path] = source;
  Json tests = Json::array();
  std::string text;
  for (const auto& test : pack.tests) {
    if (test.point != point) continue;
    text += (text.empty() ? "[\n  " : ",\n  ") + Json::object({{"name", test.name}, {"point", policy::toString(point)}, {"input", test.input}, {"expect", test.expect}}).dump();
  }
  files["tests/" + fileOf(point) + ".json"] = text + "\n]\n";
  for (const auto& [name, value] : pack.data.members()) {
    if (source.find("ccp.data." + name) != std::string::npos) files["data/" + name + ".json"] = value.pretty() + "\n";
  }
}

std::string readme(const Options& options, const std::string& folder) {
  const auto signed_file = options.name + "-1.policy";
  return "# " + options.name + "\n\nA policy pack of CCP.\n\n"
         "| File | What it is |\n|---|---|\n"
         "| `pack.json` | the manifest: name, version, which file answers which decision point |\n"
         "| `*.lua` | a policy each: `decide(input)` returns the answer |\n"
         "| `tests/*.json` | cases: input and expected answer; run before a pack is activated, too |\n"
         "| `data/*.json` | constants: `data/models.json` is `ccp.data.models` (signed along) |\n"
         "| `types/ccp.lua` | what editors know (made by `ccp policy stubs`; not part of the pack) |\n\n"
         "```sh\nccp policy lint " + folder + "\nccp policy test " + folder + " --coverage --fuzz 1000\n"
         "ccp policy matrix " + folder + "       # what it answers, for every combination\n"
         "ccp policy sign " + folder + " --key me.key" + (options.org.empty() ? " --org ORG" : "") + "    # writes " + signed_file + "\n"
         "ccp policy push " + signed_file + "    # live on dev\n"
         "ccp policy promote " + options.name + "@1     # to prod, once enough people have signed\n```\n\n"
         "Raise `version` for every pack that you push.\n";
}

constexpr const char* kLuarc = R"({
  "$schema": "https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json",
  "runtime.version": "Lua 5.4",
  "runtime.builtin": {
    "basic": "disable", "coroutine": "disable", "debug": "disable", "io": "disable", "math": "disable",
    "os": "disable", "package": "disable", "string": "disable", "table": "disable", "utf8": "disable"
  },
  "workspace.library": ["types"],
  "workspace.checkThirdParty": false,
  "diagnostics.globals": ["decide"],
  "diagnostics.disable": ["lowercase-global"]
}
)";

std::string manifest(const Options& options, const std::vector<Point>& points) {
  Json entry = Json::object();
  for (const auto point : points) entry.set(policy::toString(point), fileOf(point) + ".lua");
  Json out = Json::object({{"format", 1}});
  if (!options.org.empty()) out.set("org", options.org);
  out.set("name", options.name)
      .set("version", 1)
      .set("channels", Json::array({"dev", "prod"}))
      .set("engine", Json::object({{"min", policy::kPolicyApi}, {"max", policy::kPolicyApi}, {"lua", policy::Engine::luaVersion()}}))
      .set("entry", entry);
  return out.pretty() + "\n";
}

Outcome<int> run(const Context& context, Options options) {
  if (!policy::isPackName(options.name))
    return failed(Errc::usage_error, "\"" + printable(options.name.substr(0, 80)) + "\" is no name for a pack.", "Use lower-case letters, digits, - and _, a letter first, at most 64: team-rules.");
  if (!options.org.empty() && !policy::isSetName(options.org))
    return failed(Errc::usage_error, "\"" + printable(options.org.substr(0, 80)) + "\" is no owner of a pack.", "Give operator, or the id of an organization (org_…).");
  std::vector<Point> points;
  for (const auto& name : options.points) {
    CLI_TRY(const auto point, readPoint(name));
    if (point && std::find(points.begin(), points.end(), *point) == points.end()) points.push_back(*point);
  }
  if (points.empty()) points.push_back(Point::model_use);
  if (options.folder.empty()) options.folder = options.name;
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(options.folder, ignored)) && !(fs::is_directory(options.folder, ignored) && fs::is_empty(options.folder, ignored)))
    return failed(Errc::already_exists, options.folder + " exists already and is not an empty folder.", "Name another pack, or another folder with --dir.");

  Files files{{"pack.json", manifest(options, points)}, {"README.md", readme(options, options.folder)}, {".luarc.json", kLuarc}, {"types/ccp.lua", policy::luaStubs()}};
  for (const auto point : points) {
    if (options.shipped) {
      addShipped(point, files);
      continue;
    }
    files[fileOf(point) + ".lua"] = policyText(point);
    files["tests/" + fileOf(point) + ".json"] = testsText(point);
  }
  for (const auto& [place, text] : files) {
    const fs::path path = fs::path(options.folder) / place;
    CLI_CHECK(makeDirectories(path.parent_path().string()));
    CLI_CHECK(writeFileAtomic(path.string(), text));
  }
  if (context.json) {
    Json list = Json::array(), names = Json::array();
    for (const auto& [place, text] : files) list.push(place);
    for (const auto point : points) names.push(policy::toString(point));
    context.emit(Json::object({{"folder", options.folder}, {"name", options.name}, {"points", names}, {"files", list}}));
    return kOk;
  }
  say(context, "Wrote " + options.folder + ":");
  for (const auto& [place, text] : files) say(context, "  " + place);
  hint(context, "Next: ccp policy test " + options.folder + " --coverage");
  return kOk;
}

}  // namespace

void addPolicyNew(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "new", "Write a pack's folder, ready to lint and test",
      [options](const Context& c) { return run(c, *options); },
      "The folder has a manifest, a commented policy for each point, its tests, and what an editor with the Lua\n"
      "language server needs to know every field. It passes lint and tests as it is.\n\n"
      "  ccp policy new team-rules --point model.use --point redact\n"
      "  ccp policy new seats --point seat.assign --shipped      begin with what CCP ships");
  tree.standalone(app);
  option(app, "name", options->name, "Name of the pack and of its folder").required();
  option(app, "--point", options->points, "A decision point that it answers; repeatable (else model.use)").typeName("POINT");
  option(app, "--dir", options->folder, "Write here instead of ./NAME").typeName("DIR");
  option(app, "--org", options->org, "Whose pack it is: operator, or org_… (else whoever signs says so)").typeName("OWNER");
  flag(app, "--shipped", options->shipped, "Begin with the policies that CCP ships");
}

}  // namespace ccp::cli
