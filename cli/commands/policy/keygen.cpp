#include "cli/commands/policy/keygen.hpp"

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
  std::string person;
};

Outcome<int> run(const Context& context, const Options& options) {
  if (options.person.empty() || !plugin::isKeyTitle(options.person) || options.person == "server")
    return failed(Errc::usage_error,
                  "--person has 1 to 100 bytes without control characters, and is not \"server\".",
                  "Name who holds the key, for example by mail address.");
  const std::string public_file = options.file + ".pub";
  if (fileExists(public_file))
    return failed(Errc::already_exists, public_file + " exists already.", "Name another file.");
  const auto key = crypto::SigningKey::generate(context.random);
  CLI_CHECK(plugin::createSigningKey(options.file, key));
  const Json shown = plugin::publicKeyJson({key.publicKey(), options.person});
  CLI_CHECK(writeFileAtomic(public_file, shown.dump() + "\n", 0644));
  if (context.json) {
    context.emit(Json::object({{"keyid", key.publicKey().thumbprint()},
                               {"person", options.person},
                               {"key_file", options.file},
                               {"public_file", public_file},
                               {"public_key", shown}}));
    return kOk;
  }
  say(context, shown.dump());
  hint(context, "Wrote " + options.file + " (private: keep it off servers, and back it up) and " +
                    public_file + ".");
  hint(context, "Next: give " + public_file +
                    " to whoever keeps the policy root (`ccp policy root init`, `rotate`), then\n"
                    "      ccp policy sign PACK --key " + options.file);
  return kOk;
}

}  // namespace

void addPolicyKeygen(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "keygen", "Make a key that signs policies",
      [options](const Context& c) { return run(c, *options); },
      "Writes the private key to FILE (mode 0600, never over another one) and the public key to "
      "FILE.pub.\n"
      "Signatures count people: two keys of one person count once.\n\n"
      "  ccp policy keygen ada.key --person ada@example.com");
  option(app, "file", options->file, "Where to write the private key").required();
  option(app, "--person", options->person, "Who holds it").typeName("NAME").required();
}

}  // namespace ccp::cli
