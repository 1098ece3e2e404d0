#include "cli/commands/plugin/new.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/base/file.hpp"
#include "core/package/package.hpp"

namespace ccp::embedded {
std::string_view pluginTemplates(std::string_view name);
const std::vector<std::string_view>& pluginTemplates_names();
}  // namespace ccp::embedded

namespace ccp::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string name;
  std::string interface_name;
  std::string language = "cpp";
  std::string id;
  std::string folder;
};

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

/// A word that can be a folder, a file and, with "_" for "-", an identifier.
bool isWord(std::string_view text) {
  return !text.empty() && text.size() <= 40 && lower(text.front()) && text.back() != '-' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return lower(c) || digit(c) || c == '-' || c == '_'; });
}

std::string classOf(std::string_view name) {
  std::string out;
  bool up = true;
  for (const char c : name) {
    if (c == '-' || c == '_') {
      up = true;
      continue;
    }
    out += up && lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
  return out + "Plugin";  // so that it never meets a name of the SDK
}

Done checkNames(const Options& options) {
  if (!isWord(options.name))
    return failed(Errc::usage_error,
                  "\"" + printable(options.name.substr(0, 80)) + "\" is no name for a plugin.",
                  "Use lower-case letters, digits, - and _, a letter first, at most 40: my-chat.");
  const auto bad_id = [&options](const char* why) {
    return failed(Errc::usage_error,
                  "\"" + printable(options.id.substr(0, 100)) + "\" is no id for a plugin: " + why,
                  "Use your own prefix and words joined by dots: --id acme." + options.name + ".");
  };
  std::size_t words = 0;
  for (std::size_t at = 0; at <= options.id.size(); ++words) {
    const auto end = std::min(options.id.find('.', at), options.id.size());
    if (!isWord(std::string_view(options.id).substr(at, end - at)))
      return bad_id("each word has lower-case letters, digits, - and _, a letter first.");
    at = end + 1;
  }
  if (words < 2 || options.id.size() > 96)
    return bad_id("at least a prefix and a name are needed, 96 bytes at most.");
  if (options.id.starts_with("ccp."))
    return bad_id("the prefix \"ccp.\" belongs to the vendor of ccpd.");
  // Targets that CMake keeps for itself.
  static constexpr std::array<std::string_view, 3> kTaken{"edit_cache", "list_install_components",
                                                          "rebuild_cache"};
  if (std::find(kTaken.begin(), kTaken.end(), plugin::folderOf(options.id)) != kTaken.end())
    return bad_id("CMake has a target of the name that follows from it.");
  return {};
}

/// Where a template goes in this project; empty: it belongs to another language or interface.
std::string placeOf(std::string_view key, const Options& options) {
  const std::array<std::string, 4> folders{
      "common/", "interface/" + options.interface_name + "/",
      options.language + "/" + options.interface_name + "/", options.language + "/"};
  for (const auto& folder : folders) {
    if (!key.starts_with(folder)) continue;
    const auto rest = key.substr(folder.size());
    if (folder == folders[3] && rest.find('/') != std::string_view::npos) return {};
    return rest == "gitignore" ? ".gitignore" : std::string(rest);
  }
  return {};
}

std::string filled(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  while (!text.empty()) {
    const auto begin = std::min(text.find('@'), text.size());
    out += text.substr(0, begin);
    text.remove_prefix(begin);
    const auto end = text.find('@', 1);
    const auto value = end == std::string_view::npos ? values.end()
                                                     : values.find(std::string(text.substr(1, end - 1)));
    if (value != values.end()) {
      out += value->second;
      text.remove_prefix(end + 1);
    } else if (!text.empty()) {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

Outcome<int> run(const Context& context, Options options) {
  if (options.id.empty()) options.id = "local." + options.name;
  CLI_CHECK(checkNames(options));
  if (options.folder.empty()) options.folder = options.name;
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(options.folder, ignored)) &&
      !(fs::is_directory(options.folder, ignored) && fs::is_empty(options.folder, ignored)))
    return failed(Errc::already_exists, options.folder + " exists already and is not an empty folder.",
                  "Name another plugin, or another folder with --dir.");

  const std::map<std::string, std::string> extensions{{"cpp", "cpp"}, {"c", "c"}, {"rust", "rs"}};
  const std::string extension = extensions.at(options.language);
  const bool rust = options.language == "rust";
  const std::map<std::string, std::string> values{
      {"NAME", options.name},
      {"ID", options.id},
      {"TARGET", plugin::folderOf(options.id)},
      {"CLASS", classOf(options.name)},
      {"INTERFACE", "ccp." + options.interface_name + "/1"},
      {"SCHEMAS", "ccp." + options.interface_name},
      {"SOURCE", "plugin." + extension},
      {"TEST", rust ? "plugin.rs, mod tests" : "test." + extension}};
  std::vector<std::string> files;
  for (const auto key : embedded::pluginTemplates_names()) {
    const std::string place = placeOf(key, options);
    if (place.empty()) continue;
    const fs::path path = fs::path(options.folder) / place;
    CLI_CHECK(makeDirectories(path.parent_path().string()));
    CLI_CHECK(writeFileAtomic(path.string(), filled(embedded::pluginTemplates(key), values)));
    files.push_back(place);
  }
  std::sort(files.begin(), files.end());

  if (context.json) {
    std::vector<Json> list(files.begin(), files.end());
    context.emit(Json::object({{"folder", options.folder},
                               {"id", options.id},
                               {"interface", values.at("INTERFACE")},
                               {"language", options.language},
                               {"package", options.folder + "/build/plugins/" + values.at("TARGET")},
                               {"files", Json::array(std::move(list))}}));
    return kOk;
  }
  say(context, "Wrote " + options.folder + " (" + options.id + ", " + values.at("INTERFACE") + "):");
  for (const auto& file : files) say(context, "  " + file);
  hint(context, "Next: make -C " + options.folder + " check");
  if (options.id.starts_with("local."))
    hint(context, "The id is local.…: fine to try, but give it a prefix of yours (--id) before you sign it.");
  return kOk;
}

}  // namespace

void addPluginNew(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "new", "Write a plugin's project, ready to build",
      [options](const Context& c) { return run(c, *options); },
      "The project has the plugin, its manifest and configuration schema, a unit test, CMakeLists.txt and a\n"
      "Makefile. It builds, passes its test and the conformance kit as it is.\n\n"
      "  ccp plugin new my-chat --interface notifier --language rust --id acme.my-chat\n"
      "  make -C my-chat check");
  option(app, "name", options->name, "Name of the project and of its folder").required();
  option(app, "--interface", options->interface_name, "What the plugin provides")
      .required()
      .oneOf({"billing", "identity", "notifier", "exporter", "inbound"});
  option(app, "--language", options->language, "What it is written in")
      .oneOf({"cpp", "c", "rust"})
      .showDefault();
  option(app, "--id", options->id, "Id of the plugin (else local.NAME)").typeName("PREFIX.NAME");
  option(app, "--dir", options->folder, "Write here instead of ./NAME").typeName("DIR");
}

}  // namespace ccp::cli
