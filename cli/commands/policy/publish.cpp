#include "cli/commands/policy/publish.hpp"

#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "cli/support/policy_remote.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key, set = "org";
  std::string file, pack, channel, to = "prod", reason;
  std::int64_t version = 0;
  double max_flip = -1;
  bool yes = false, force = false;
};

std::string percent(double share) {
  std::string text = std::to_string(share * 100);
  return text.substr(0, text.find('.') + 2) + " %";
}

/// What a signed file says of itself, read before anything is verified: the server decides whether it is true.
struct Claim {
  std::string set, name;
  std::int64_t version = 0;
};

Outcome<Claim> claimOf(const std::string& envelope, const std::string& file) {
  const auto opened = crypto::parseDsse(envelope);
  if (!opened) return failed(Errc::policy_document_invalid, file + " is no signed document: " + opened.error().detail, "Make it with `ccp policy sign` or `ccp policy root`.");
  const auto payload = parseJson(opened->payload, JsonLimits{policy::kMaxDocumentBytes, 64});
  if (!payload) return Claim{};
  return Claim{payload->strOr("org"), payload->strOr("name"), payload->intOr("version")};
}

Outcome<std::unique_ptr<PolicyRemote>> remoteFor(const Context& context, const Options& options, const std::string& set) {
  return PolicyRemote::open(context, options.operator_key, set == policy::kOperatorSet);
}

/// A document that the server does not take could not be verified or decided: exit 3, not 1.
Failure undecided(Failure failure) {
  if (failure.exit == kCheckFailed && failure.code.starts_with("policy_")) failure.exit = kUndecided;
  return failure;
}

std::string packsText(const Json& packs) {
  std::string out;
  for (const auto& pack : packs.items()) out += (out.empty() ? "" : ", ") + printable(pack.strOr("name")) + " " + std::to_string(pack.intOr("version"));
  return out.empty() ? "no packs" : out;
}

void sayPublished(const Context& context, const Json& publication) {
  say(context, (publication.boolOr("changed", true) ? context.good("Live") : std::string("Live already")) + " on " +
                   context.bold(publication.strOr("channel")) + ": version " + std::to_string(publication.intOr("version")) + " of " +
                   printable(publication.strOr("set")) + " with " + packsText(publication["packs"]));
}

Outcome<int> push(const Context& context, const Options& options) {
  CLI_TRY(const auto envelope, readFile(options.file, kPolicyFileBytes));
  CLI_TRY(const auto claim, claimOf(envelope, options.file));
  CLI_TRY(const auto remote, remoteFor(context, options, claim.set));
  const auto answer = remote->post("push", envelope);
  if (!answer) return failed(undecided(answer.error()));
  if (context.json) {
    context.emit(*answer);
    return kOk;
  }
  const auto pack = printable(claim.name) + "@" + std::to_string(claim.version);
  if (!answer->boolOr("changed", true)) say(context, "The server has the signatures of " + pack + ".");
  sayPublished(context, *answer);
  if (answer->boolOr("changed", true)) hint(context, "Nodes and clients on dev take it within 2 s.");
  hint(context, "Next: ccp policy promote " + pack + (claim.set == policy::kOperatorSet ? " --set operator" : "") + ", once enough people have signed.");
  return kOk;
}

Outcome<int> rootPush(const Context& context, const Options& options) {
  CLI_TRY(const auto envelope, readFile(options.file, kPolicyFileBytes));
  CLI_TRY(const auto claim, claimOf(envelope, options.file));
  CLI_TRY(const auto remote, remoteFor(context, options, claim.set));
  const auto answer = remote->post("root", envelope);
  if (!answer) return failed(undecided(answer.error()));
  if (context.json) {
    context.emit(*answer);
    return kOk;
  }
  say(context, context.good("Root ") + std::to_string(answer->intOr("version")) + " of " + printable(answer->strOr("set")) + " is in force, until " +
                   answer->strOr("expires_at"));
  say(context, "  first root: " + answer->strOr("first_sha256"));
  if (answer->intOr("prod_threshold") <= 1) hint(context, "One person alone can change prod.");
  if (!answer->boolOr("lists_server_key")) hint(context, "It lists no key of this server, so that nothing can be published: ccp policy root rotate --server-keys");
  if (answer->intOr("version") == 1) hint(context, "Clients pin the first root at `ccp login`; nodes by policy.root_sha256 (operator's set in prod).");
  return kOk;
}

void sayDifference(const Context& context, const Json& answer) {
  const Json& report = answer["report"];
  const auto total = report.intOr("total");
  say(context, "Recorded decisions that were decided again: " + context.bold(std::to_string(total)) +
                   (total == 0 ? " (nothing was recorded; see policy.replay_store)" : ""));
  if (total > 0) {
    const double rate = report["flip_rate"].asDouble().value_or(0);
    say(context, "  same " + std::to_string(report.intOr("same")) + ", newly denied " + std::to_string(report.intOr("newly_denied")) + ", newly allowed " +
                     std::to_string(report.intOr("newly_allowed")) + ", rerouted " + std::to_string(report.intOr("rerouted")) + ", indeterminate " +
                     std::to_string(report.intOr("indeterminate")));
    say(context, "  changed: " + (answer.boolOr("within", true) ? context.good(percent(rate)) : context.bad(percent(rate))) + ", allowed " +
                     percent(answer["max_flip"].asDouble().value_or(0)));
  }
  int shown = 0;
  for (const auto& flip : report["flips"].items()) {
    if (flip.strOr("flip") == "indeterminate" || ++shown > 20) continue;
    say(context, "  " + printable(flip.strOr("flip")) + "  " + printable(flip.strOr("point")) + "  " + printable(flip["was"].strOr("rule")) + " → " +
                     printable(flip["would_be"].strOr("rule")) + "  " + context.dim(printable(flip.strOr("id"))));
  }
  std::string signers;
  for (const auto& person : answer["signers"].items()) signers += (signers.empty() ? "" : ", ") + printable(person.asString() ? *person.asString() : "");
  say(context, "Signed by " + signers + " (" + std::to_string(answer["signers"].size()) + " of " + std::to_string(answer.intOr("threshold")) + ")");
}

bool confirmed(const Context& context) {
  context.err << "Publish on prod? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Outcome<int> promote(const Context& context, const Options& options) {
  const auto at = options.pack.rfind('@');
  std::int64_t version = 0;
  if (at != std::string::npos) {
    const auto digits = options.pack.substr(at + 1);
    if (!digits.empty() && digits.size() < 16 && digits.find_first_not_of("0123456789") == std::string::npos) version = std::stoll(digits);
  }
  if (version < 1) return failed(Errc::usage_error, "\"" + options.pack + "\" is not NAME@VERSION.", "For example base@7; `ccp policy status` shows what is on dev.");
  CLI_TRY(const auto remote, remoteFor(context, options, options.set));
  Json body = Json::object({{"name", options.pack.substr(0, at)}, {"version", version}, {"to", options.to}, {"dry_run", true}});
  if (options.max_flip >= 0) body.set("max_flip", options.max_flip);
  const auto difference = remote->post("promote", body.dump());
  if (!difference) return failed(undecided(difference.error()));
  if (!context.json) sayDifference(context, *difference);
  if (!difference->boolOr("within", true) && !options.force) {
    Failure failure(Errc::policy_shadow_flips, "The pack changes more recorded decisions than allowed.",
                    "Look at the changes above; raise --max-flip, or give --force, if they are wanted.");
    if (context.json) context.emit(*difference);
    return failed(std::move(failure));
  }
  if (!options.yes) {
    if (context.json || ::isatty(STDIN_FILENO) == 0)
      return failed(Errc::usage_error, "A promotion is confirmed by a person.", "Give --yes where nobody can be asked.");
    if (!confirmed(context)) return failed(Errc::cancelled, "Nothing was changed.", "Run it again to publish.");
  }
  body.set("dry_run", false).set("force", options.force).set("expected_version", difference->intOr("live_version"));
  body.set("reason", options.reason.empty() ? "promoted by ccp policy promote" : options.reason);
  const auto answer = remote->post("promote", body.dump());
  if (!answer) return failed(undecided(answer.error()));
  if (context.json) {
    context.emit(*answer);
    return kOk;
  }
  sayPublished(context, (*answer)["publication"]);
  hint(context, "To go back: ccp policy rollback --channel " + options.to + (options.set == policy::kOperatorSet ? " --set operator" : ""));
  return kOk;
}

Outcome<int> rollback(const Context& context, const Options& options) {
  CLI_TRY(const auto remote, remoteFor(context, options, options.set));
  Json body = Json::object({{"channel", options.channel}, {"reason", options.reason.empty() ? "rolled back by ccp policy rollback" : options.reason}});
  if (options.version > 0) body.set("to", options.version);
  const auto answer = remote->post("rollback", body.dump());
  if (!answer) return failed(undecided(answer.error()));
  if (context.json) {
    context.emit(*answer);
    return kOk;
  }
  sayPublished(context, *answer);
  return kOk;
}

void addSet(CLI::App& app, Options& options) {
  option(app, "--set", options.set, "Whose policies: org (yours) or operator").oneOf({"org", "operator"}).showDefault();
  CommandTree::addOperatorKey(app, options.operator_key);
}

}  // namespace

void addPolicyPush(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(policy, "push", "Publish a signed pack on dev",
                           [options](const Context& c) { return push(c, *options); },
                           "The server verifies, compiles, lints and tests it first: what would not run never goes live.\n"
                           "Pushing the same pack again adds the signatures that the server does not have yet.\n\n"
                           "  ccp policy push base-7.policy\n"
                           "  ccp policy push base-7.policy --operator-key operator.key     the operator's set");
  option(app, "pack", options->file, "Signed pack, from `ccp policy sign`").typeName("FILE").required();
  CommandTree::addOperatorKey(app, options->operator_key);
}

void addPolicyPromote(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(policy, "promote", "Publish a pushed pack on prod",
                           [options](const Context& c) { return promote(c, *options); },
                           "Shows what the pack would change on recorded decisions, then asks. Prod needs the signatures of\n"
                           "as many people as the root says.\n\n"
                           "  ccp policy promote base@7 --reason \"contractors may use sonnet\"");
  option(app, "pack", options->pack, "NAME@VERSION").required();
  option(app, "--to", options->to, "Channel").oneOf({"prod", "dev"}).showDefault();
  option(app, "--max-flip", options->max_flip, "Share of recorded decisions that may change (0.02 is 2 %)").range(0.0, 1.0).typeName("SHARE");
  flag(app, "--force", options->force, "Publish whatever changes");
  flag(app, "--yes", options->yes, "Do not ask");
  option(app, "--reason", options->reason, "For the audit log").typeName("TEXT");
  addSet(app, *options);
}

void addPolicyRollback(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  options->channel = "prod";
  auto& app = tree.command(policy, "rollback", "Publish the packs of an earlier version again",
                           [options](const Context& c) { return rollback(c, *options); },
                           "Makes a new version that lists the old packs; revoked packs do not come back.\n\n"
                           "  ccp policy rollback --channel prod              to the packs before the current ones\n"
                           "  ccp policy rollback --channel prod --to 12      to those of version 12 of the channel");
  option(app, "--channel", options->channel, "Channel").oneOf({"dev", "prod"}).showDefault();
  option(app, "--to", options->version, "Version of the channel").typeName("VERSION");
  option(app, "--reason", options->reason, "For the audit log").typeName("TEXT");
  addSet(app, *options);
}

void addPolicyRootPush(CommandTree& tree, CLI::App& root) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(root, "push", "Upload a root to the server",
                           [options](const Context& c) { return rootPush(c, *options); },
                           "The first root of an organization is its owner's to upload; the operator's must be pinned in\n"
                           "ccp.yaml (policy.root_sha256) in prod mode. Later ones are signed by the one before.");
  option(app, "root", options->file, "Signed root, from `ccp policy root init` or `rotate`").typeName("FILE").required();
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
