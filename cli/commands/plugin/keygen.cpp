#include "cli/commands/plugin/keygen.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "core/base/file.hpp"
#include "core/package/trust/key_file.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string file;
  std::string title;
};

Outcome<int> run(const Context& context, const Options& options) {
  if (!plugin::isKeyTitle(options.title))
    return failed(Errc::usage_error, "--title has at most 100 bytes and no control characters.");
  const std::string public_file = options.file + ".pub";
  if (fileExists(public_file))
    return failed(Errc::already_exists, public_file + " exists already.", "Name another file.");
  const auto key = crypto::SigningKey::generate(context.random);
  CLI_CHECK(plugin::createSigningKey(options.file, key));
  const Json shown = plugin::publicKeyJson({key.publicKey(), options.title});
  CLI_CHECK(writeFileAtomic(public_file, shown.dump() + "\n", 0644));
  if (context.json) {
    context.emit(Json::object({{"kid", key.publicKey().thumbprint()},
                               {"key_file", options.file},
                               {"public_file", public_file},
                               {"public_key", shown}}));
    return kOk;
  }
  say(context, shown.dump());
  hint(context, "Wrote " + options.file + " (private: keep it off servers, and back it up) and " +
                    public_file + ".");
  hint(context, "Next: ccp plugin sign DIR --key " + options.file +
                    "; whoever runs a server trusts it once with\n"
                    "      ccp plugin trust add " +
                    public_file + " --prefix YOURS.");
  return kOk;
}

}  // namespace

void addPluginKeygen(CommandTree& tree, CLI::App& plugin) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      plugin, "keygen", "Make a key that signs your plugins",
      [options](const Context& c) { return run(c, *options); },
      "Writes the private key to FILE (mode 0600, never over another one) and the public key to "
      "FILE.pub, which you\n"
      "give to whoever shall trust your plugins.\n\n"
      "  ccp plugin keygen acme.key --title 'Acme Inc'");
  option(app, "file", options->file, "Where to write the private key").required();
  option(app, "--title", options->title, "Whose key it is, in words").typeName("TEXT");
}

}  // namespace ccp::cli
