#include "cli/commands/policy/sign.hpp"

#include <filesystem>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/trust/key_file.hpp"
#include "policy/pack/signing.hpp"

namespace ccp::cli {
namespace {

using policy::Channel;
using policy::PackDocument;

struct Options {
  std::string pack;
  std::string key;
  bool add = false;
  std::vector<std::string> channels;
  std::string org;
  std::string out;
  std::string life = "365d";
};

Json channelsOf(const PackDocument& pack) {
  Json out = Json::array();
  for (const Channel channel : pack.channels) out.push(policy::toString(channel));
  return out;
}

std::string pointsOf(const PackDocument& pack) {
  std::string out;
  for (const auto& [point, path] : pack.entry) {
    out += (out.empty() ? "" : ", ") + std::string(toString(point));
  }
  return out;
}

/// What was signed: the next person reads it before adding a signature.
Outcome<int> show(const Context& context, const Options& options, const PackDocument& pack,
                  const std::string& file, const std::string& envelope) {
  CLI_TRY(const auto opened, policy::peek(envelope));
  const auto digest = sha256Hex(opened.payload);
  if (context.json) {
    context.emit(Json::object({{"file", file},
                               {"org", pack.org},
                               {"name", pack.name},
                               {"version", pack.version},
                               {"channels", channelsOf(pack)},
                               {"sha256", digest},
                               {"size", opened.payload.size()},
                               {"signatures", listOf(opened.keyids)},
                               {"expires_at", formatRfc3339(pack.expires_at)}}));
    return kOk;
  }
  std::string channels;
  for (const Channel channel : pack.channels) channels += (channels.empty() ? "" : ", ") + std::string(policy::toString(channel));
  say(context, "Signed " + context.bold(pack.name + " " + std::to_string(pack.version)) + " of " +
                   pack.org + " for " + channels + ": " + file);
  say(context, "  sha256   " + digest);
  say(context, "  answers  " + pointsOf(pack));
  for (const auto& [path, text] : pack.files)
    say(context, "  " + path + "  " + std::to_string(text.size()) + " bytes, sha256 " +
                     sha256Hex(text).substr(0, 16));
  say(context, "  " + std::to_string(pack.tests.size()) + " tests, expires " +
                   formatRfc3339(pack.expires_at) + ", " + std::to_string(opened.keyids.size()) +
                   (opened.keyids.size() == 1 ? " signature" : " signatures"));
  hint(context, "Next: another person signs with `ccp policy sign " + file + " --add --key K`, or\n"
                "      ccp policy push " + file + (options.channels.size() == 1 ? " --channel " + options.channels[0] : ""));
  return kOk;
}

Outcome<int> addTo(const Context& context, const Options& options, const crypto::SigningKey& key) {
  if (!options.channels.empty() || !options.org.empty() || !options.out.empty())
    return failed(Errc::usage_error, "A signature is added to what is there: --channel, --org and --out make a new pack.",
                  "Leave them out.");
  CLI_TRY(const auto before, readFile(options.pack, kPolicyFileBytes));
  CLI_TRY(const auto opened, policy::peek(before));
  if (opened.payload_type != policy::kPayloadPack)
    return failed(Errc::policy_wrong_type, options.pack + " is no policy pack.",
                  "Roots are signed with `ccp policy root sign`.");
  CLI_TRY(const auto pack, policy::parsePack(opened.payload));
  CLI_TRY(const auto envelope, policy::addSignature(before, key));
  CLI_CHECK(writeFileAtomic(options.pack, envelope, 0644));
  return show(context, options, pack, options.pack, envelope);
}

Outcome<int> signFolder(const Context& context, const Options& options, const crypto::SigningKey& key) {
  CLI_CHECK(keyIsOutside(options.key, options.pack));
  CLI_TRY(auto pack, policy::readPackFolder(options.pack));
  if (!options.org.empty()) pack.org = options.org;
  if (pack.org.empty())
    return failed(Errc::usage_error, "Whose pack is it? pack.json has no org.",
                  "Give --org operator, or --org org_… as `ccp whoami` shows it.");
  if (!options.channels.empty()) {
    pack.channels.clear();
    for (const char* name : {"dev", "prod"}) {
      if (std::find(options.channels.begin(), options.channels.end(), name) != options.channels.end())
        pack.channels.push_back(*policy::channelFromName(name));
    }
  }
  CLI_TRY(const auto life, parseDuration(options.life));
  pack.issued_at = std::chrono::floor<std::chrono::seconds>(context.clock.now());
  pack.expires_at = pack.issued_at + life;
  const auto text = policy::toText(pack);
  // What nobody would accept is not signed.
  CLI_CHECK(policy::parsePack(text));
  const auto envelope = crypto::signDsse(policy::kPayloadPack, text, {&key});
  const std::string file = options.out.empty() ? pack.name + "-" + std::to_string(pack.version) + ".policy" : options.out;
  if (fileExists(file))
    return failed(Errc::already_exists, file + " exists already.",
                  "Raise `version` in pack.json; to add a signature: ccp policy sign " + file + " --add --key K.");
  CLI_CHECK(writeFileAtomic(file, envelope, 0644));
  return show(context, options, pack, file, envelope);
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto key, plugin::readSigningKey(options.key));
  std::error_code bad;
  const bool folder = std::filesystem::is_directory(options.pack, bad);
  if (folder && options.add)
    return failed(Errc::usage_error, options.pack + " is a folder: its pack is not signed yet.",
                  "Leave --add out; a second person adds a signature to the file that this makes.");
  if (!folder && !options.add)
    return failed(Errc::usage_error, options.pack + " is no folder of a pack.",
                  "To add a signature to a signed pack give --add.");
  return folder ? signFolder(context, options, key) : addTo(context, options, key);
}

}  // namespace

void addPolicySign(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "sign", "Sign a policy pack",
      [options](const Context& c) { return run(c, *options); },
      "Makes one signed file of the folder (pack.json, *.lua, tests, golden, data): "
      "NAME-VERSION.policy.\n"
      "A pack for prod needs signatures of two people; the second adds one to the same file.\n\n"
      "  ccp policy sign policies/base --key ada.key --org operator\n"
      "  ccp policy sign base-7.policy --add --key bob.key");
  option(app, "pack", options->pack, "Folder of the pack; with --add its signed file").required();
  option(app, "--key", options->key, "Private key, from `ccp policy keygen`")
      .typeName("FILE")
      .required();
  flag(app, "--add", options->add, "Add a signature to a signed file");
  option(app, "--channel", options->channels, "Channel that it is made for, instead of those of pack.json")
      .oneOf({"dev", "prod"});
  option(app, "--org", options->org, "Whose pack it is: operator, or an organization's id").typeName("ORG");
  option(app, "--out", options->out, "Where to write it").typeName("FILE");
  option(app, "--life", options->life, "How long it is good for").typeName("TIME").showDefault();
}

}  // namespace ccp::cli
