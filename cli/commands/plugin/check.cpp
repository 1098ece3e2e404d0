#include "cli/commands/plugin/check.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string plugin;
  int level = -1;
  std::string isolation;
  std::vector<std::string> only;
  std::string fixtures;
  std::string junit;
  int jobs = 0;
  bool list = false;
};

/// Beside this program, or where a distribution puts programs that people do not call.
Outcome<std::string> kitProgram() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const auto& path : {here / "ccp-plugin-check", here / "../libexec/ccp/ccp-plugin-check"}) {
    if (::access(path.c_str(), X_OK) == 0) return path.lexically_normal().string();
  }
  return failed(Errc::not_found, "The program ccp-plugin-check is not beside ccp in " + here.string() + ".", "Install the component sdk of CCP.");
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const std::string program, kitProgram());
  std::vector<std::string> words = {program};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {name, value});
  };
  if (options.list) words.emplace_back("--list");
  if (options.plugin.empty() && !options.list) return failed(Errc::usage_error, "Name a library or the folder of a package.", "ccp plugin check build/plugins/my_plugin");
  if (!options.plugin.empty()) words.push_back(options.plugin);
  if (options.level >= 0) add("--level", std::to_string(options.level));
  add("--isolation", options.isolation);
  for (const auto& id : options.only) add("--only", id);
  add("--fixtures", options.fixtures);
  add("--junit", options.junit);
  if (options.jobs > 0) add("--jobs", std::to_string(options.jobs));
  if (context.json) words.emplace_back("--json");
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());  // its exit status is ours: 0, 1 or 2
  return failed(Errc::internal, program + " cannot be started: " + std::strerror(errno) + ".");
}

}  // namespace

void addPluginCheck(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "check", "Try whether a plugin keeps the contract",
      [options](const Context& c) { return run(c, *options); },
      "Runs the conformance kit: files, descriptor, lifecycle, behaviour, a hostile host, hygiene, speed; each\n"
      "test in a process of its own, in both isolation modes. Recorded exchanges in conformance/ beside the\n"
      "plugin are played. Exit status: 0 all passed, 1 a test failed, 2 the plugin could not be tried.\n\n"
      "  ccp plugin check build/plugins/my_plugin\n"
      "  ccp plugin check my_plugin.so --level 2 --isolation process --junit report.xml\n"
      "  ccp plugin check my_plugin.so --only L4.wrong-json");
  option(app, "plugin", options->plugin,
         "A library with its plugin.json beside it, or the folder of a package")
      .typeName("FILE|DIR");
  option(app, "--level", options->level, "Levels 0 to N only").range(0, 6).typeName("N");
  option(app, "--isolation", options->isolation, "inproc, process or both")
      .oneOf({"inproc", "process", "both"})
      .typeName("MODE");
  option(app, "--only", options->only, "This test, or all whose id begins so; repeatable")
      .typeName("TEST");
  option(app, "--fixtures", options->fixtures, "Recorded exchanges instead of conformance/")
      .typeName("DIR");
  option(app, "--junit", options->junit, "Write a report as JUnit XML as well").typeName("FILE");
  option(app, "--jobs", options->jobs, "Tests at once").range(1, 64).typeName("N");
  flag(app, "--list", options->list, "List the tests");
}

}  // namespace ccp::cli
