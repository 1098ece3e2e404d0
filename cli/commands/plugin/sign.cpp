#include "cli/commands/plugin/sign.hpp"

#include <filesystem>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/package/package.hpp"
#include "core/package/signing.hpp"
#include "core/package/trust/key_file.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string package;
  std::string key;
  bool add = false;
};

Json listOf(const std::vector<std::string>& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push(item);
  return out;
}

Outcome<int> run(const Context& context, const Options& options) {
  std::filesystem::path folder = options.package;
  if (folder.filename() == "plugin.json")
    folder = folder.has_parent_path() ? folder.parent_path() : std::filesystem::path(".");
  std::error_code ignored;
  const auto inside =
      std::filesystem::relative(std::filesystem::absolute(options.key, ignored), folder, ignored);
  if (!ignored && !inside.empty() && *inside.begin() != "..")
    return failed(Errc::usage_error, "The private key lies inside of the package.",
                  "Move it out of " + folder.string() + ": packages are given away.");
  CLI_TRY(const auto key, plugin::readSigningKey(options.key));
  CLI_TRY(const auto done, plugin::signPackage(folder.string(), key, options.add));
  const auto& manifest = done.manifest;
  std::vector<std::string> files;
  for (const auto& [path, hash] : manifest.files) files.push_back(path);
  if (context.json) {
    context.emit(Json::object({{"plugin", manifest.id},
                               {"version", manifest.version},
                               {"kid", key.publicKey().thumbprint()},
                               {"signatures", listOf(done.kids)},
                               {"files", listOf(files)},
                               {"manifest_changed", done.manifest_changed},
                               {"envelope", (folder / "plugin.json.dsse").string()}}));
    return kOk;
  }
  say(context, "Signed " + context.bold(manifest.id + " " + manifest.version) + " with the key " +
                   key.publicKey().thumbprint() + ".");
  for (const auto& file : files) say(context, "  " + printable(file));
  if (done.kids.size() > 1)
    say(context, "  " + std::to_string(done.kids.size()) + " signatures in all");
  // What the loader refuses for its owner or mode is better heard of here.
  if (const auto opened = plugin::PackageReader::open(folder.string()); !opened)
    hint(context, "A server will refuse this folder as it is: " + opened.error().detail);
  hint(context, "Next: ccp plugin verify " + folder.string() + " --key " + options.key + ".pub");
  return kOk;
}

}  // namespace

void addPluginSign(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "sign", "Sign a plugin's package",
      [options](const Context& c) { return run(c, *options); },
      "Writes the SHA-256 of every file of the package into plugin.json and the signature over it "
      "into\n"
      "plugin.json.dsse. The files are those that `files` names and the .so; without `files`, all "
      "of the folder.\n\n"
      "  ccp plugin sign build/plugins/pager --key acme.key\n"
      "  ccp plugin sign build/plugins/pager --key second.key --add    a further signature");
  option(app, "package", options->package, "Folder of the package, or its plugin.json").required();
  option(app, "--key", options->key, "Private key, from `ccp plugin keygen`")
      .typeName("FILE")
      .required();
  flag(app, "--add", options->add, "Keep the signatures that are there");
}

}  // namespace ccp::cli
