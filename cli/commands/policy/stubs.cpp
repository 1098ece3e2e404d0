#include "cli/commands/policy/stubs.hpp"

#include <filesystem>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/base/file.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string output;
};

Outcome<int> run(const Context& context, const Options& options) {
  if (options.output.empty()) {
    if (context.json) context.emit(Json::object({{"text", policy::luaStubs()}}));
    else context.out << policy::luaStubs() << std::flush;
    return kOk;
  }
  if (const auto folder = std::filesystem::path(options.output).parent_path(); !folder.empty()) CLI_CHECK(makeDirectories(folder.string()));
  CLI_CHECK(writeFileAtomic(options.output, policy::luaStubs()));
  if (context.json) context.emit(Json::object({{"file", options.output}}));
  else say(context, "Wrote " + options.output + ".");
  hint(context, "Point LuaLS at it: \"workspace.library\" in .luarc.json, as `ccp policy new` writes it.");
  return kOk;
}

}  // namespace

void addPolicyStubs(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "stubs", "Print the types of inputs, answers and library for editors",
      [options](const Context& c) { return run(c, *options); },
      "Annotations of the Lua language server (LuaLS), made from the schemas of the decision points: completion,\n"
      "hover texts and warnings for input.subject.role and the like. `ccp policy new` writes them into a project;\n"
      "write them again after an update of ccp.\n\n"
      "  ccp policy stubs --out types/ccp.lua");
  tree.standalone(app);
  option(app, "--out,--output", options->output, "Write to this file instead of stdout").typeName("FILE");
}

}  // namespace ccp::cli
