#include "cli/commands/policy/revoke.hpp"

#include <memory>
#include <set>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "cli/support/policy_remote.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key, set = "org";
  std::string what, reason;
};

/// NAME@VERSION of what is live on a channel of this set.
Outcome<std::string> liveDigest(PolicyRemote& remote, const Options& options) {
  const auto at = options.what.rfind('@');
  const auto name = options.what.substr(0, at), version = options.what.substr(at + 1);
  CLI_TRY(const auto status, remote.get("status"));
  std::set<std::string> found;
  for (const auto& set : status["sets"].items()) {
    if (set.strOr("set") != options.set) continue;
    for (const auto& channel : set["channels"].items()) {
      for (const auto& pack : channel["packs"].items()) {
        if (pack.strOr("name") == name && std::to_string(pack.intOr("version")) == version) found.insert(pack.strOr("sha256"));
      }
    }
  }
  if (found.empty())
    return failed(Errc::not_found, printable(options.what.substr(0, 100)) + " is live on no channel.", "Name the pack's sha256, or its signed file.");
  return *found.begin();
}

/// A digest, a signed file, or NAME@VERSION.
Outcome<std::string> digestOf(PolicyRemote& remote, const Options& options) {
  if (policy::isDigest(options.what)) return options.what;
  if (fileExists(options.what)) {
    CLI_TRY(const auto envelope, readFile(options.what, kPolicyFileBytes));
    const auto opened = crypto::parseDsse(envelope, kPolicyFileBytes);
    if (!opened || opened->payload_type != policy::kPayloadPack)
      return failed(Errc::policy_wrong_type, options.what + " is no signed pack.", "Name the file that `ccp policy sign` wrote, or the pack's sha256.");
    return sha256Hex(opened->payload);
  }
  if (options.what.find('@') != std::string::npos) return liveDigest(remote, options);
  return failed(Errc::usage_error, "\"" + printable(options.what.substr(0, 100)) + "\" names no pack.", "Give its sha256, its signed file, or NAME@VERSION of what is live.");
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto remote, PolicyRemote::open(context, options.operator_key, options.set == policy::kOperatorSet));
  CLI_TRY(const auto digest, digestOf(*remote, options));
  CLI_TRY(const auto answer, remote->post("revoke", Json::object({{"sha256", digest}, {"reason", options.reason}}).dump()));
  if (context.json) {
    auto out = answer;
    out.set("sha256", digest);
    context.emit(out);
    return kOk;
  }
  const auto& publications = answer["publications"].items();
  say(context, (publications.empty() ? std::string("Revoked already: ") : context.good("Revoked: ")) + digest);
  for (const auto& publication : publications) {
    std::string packs;
    for (const auto& pack : publication["packs"].items()) packs += (packs.empty() ? "" : ", ") + printable(pack.strOr("name")) + " " + std::to_string(pack.intOr("version"));
    say(context, "  " + publication.strOr("channel") + ": version " + std::to_string(publication.intOr("version")) + " of " + printable(publication.strOr("set")) + " with " +
                     (packs.empty() ? "no packs" : packs));
  }
  return kOk;
}

}  // namespace

void addPolicyRevoke(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(policy, "revoke", "Never take a pack again, on any channel",
                           [options](const Context& c) { return run(c, *options); },
                           "For packs that should not have been signed. The pack leaves the channels where it is live, is taken\n"
                           "from no cache, and no rollback brings it back. There is no way back: sign a new version instead.\n\n"
                           "  ccp policy revoke base@7 --reason \"signed with a stolen key\"\n"
                           "  ccp policy revoke base-7.policy --set operator --reason \"signed with a stolen key\"");
  option(app, "pack", options->what, "NAME@VERSION of what is live, a signed file, or a sha256").required();
  option(app, "--reason", options->reason, "For the audit log").typeName("TEXT").required();
  option(app, "--set", options->set, "Whose policies: org (yours) or operator").oneOf({"org", "operator"}).showDefault();
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
