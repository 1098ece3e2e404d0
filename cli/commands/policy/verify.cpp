#include "cli/commands/policy/verify.hpp"

#include <filesystem>
#include <memory>
#include <optional>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_files.hpp"
#include "core/base/file.hpp"
#include "policy/pack/signing.hpp"

namespace ccp::cli {
namespace {

using policy::Channel;

struct Options {
  std::string file;
  std::string root;
  std::string channel;
  std::string pin;
};

/// What was found, for people and programs; the worst result is the exit code.
class Report {
 public:
  void ok(const std::string& step, const std::string& detail) { add(step, "ok", detail, ""); }
  void failed(const std::string& step, const Error& error) {
    add(step, "failed", error.detail, error.name());
    if (exit_ == kOk) exit_ = exitFor(error);
  }
  void set(const char* name, Json value) { facts_.set(name, std::move(value)); }
  int show(const Context& context) {
    if (context.json) {
      facts_.set("ok", exit_ == kOk);
      facts_.set("steps", steps_);
      context.emit(facts_);
      return exit_;
    }
    for (const auto& step : steps_.items()) {
      const auto result = step.strOr("result");
      const auto name = step.strOr("step");
      const std::string padded = result + std::string(8 - result.size(), ' ');
      say(context, (result == "ok" ? context.good(padded) : context.bad(padded)) + name +
                       std::string(name.size() < 15 ? 15 - name.size() : 1, ' ') +
                       printable(step.strOr("detail")));
    }
    return exit_;
  }

 private:
  static int exitFor(const Error& error) {
    if (error.code == Errc::policy_expired) return kStale;
    if (error.code == Errc::policy_signature_invalid || error.code == Errc::policy_threshold_not_met) return kUndecided;
    return kCheckFailed;
  }
  void add(const std::string& step, const char* result, const std::string& detail, const std::string& code) {
    Json item = Json::object({{"step", step}, {"result", result}, {"detail", detail}});
    if (!code.empty()) item.set("code", code);
    steps_.push(std::move(item));
  }
  Json facts_ = Json::object();
  Json steps_ = Json::array();
  int exit_ = kOk;
};

Outcome<RootFile> judge(Report& report, const Options& options, Timestamp now) {
  CLI_TRY(auto root, readRootFile(options.root));
  report.set("root", Json::object({{"org", root.root.org}, {"version", root.root.version}, {"sha256", root.sha256}}));
  const auto checked = policy::verifyPinnedRoot(root.envelope, options.pin.empty() ? root.sha256 : options.pin, root.root.org);
  const auto fresh = policy::checkRootFresh(root.root, now);
  const std::string what = "version " + std::to_string(root.root.version) + " of " + root.root.org;
  if (!checked) {
    report.failed("root", checked.error());
  } else if (!fresh) {
    report.failed("root", fresh.error());
  } else {
    report.ok("root", what + (options.pin.empty() ? ", as it lies here (compare its sha256 " + root.sha256 + ")" : ", as pinned"));
  }
  return root;
}

Done signatures(Report& report, const RootFile& root, const std::string& role, std::string_view type, const std::string& envelope) {
  CLI_TRY(const auto state, roleState(root.root, role, type, envelope));
  report.set(role.c_str(), state.json());
  const auto unknown = state.signers.unknown_keys.empty() ? "" : "; " + std::to_string(state.signers.unknown_keys.size()) + " signatures by keys without this role";
  if (state.signers.met()) {
    report.ok(role, state.text() + unknown);
  } else {
    report.failed(role, {state.signers.persons.empty() ? Errc::policy_signature_invalid : Errc::policy_threshold_not_met, state.text() + unknown, {}});
  }
  return {};
}

Done verifyPack(Report& report, const RootFile& root, const Options& options, const std::string& envelope, const std::string& payload, Timestamp now) {
  const auto pack = policy::parsePack(payload);
  if (!pack) {
    report.failed("document", pack.error());
    return {};
  }
  report.set("pack", Json::object({{"org", pack->org}, {"name", pack->name}, {"version", pack->version},
                                   {"sha256", sha256Hex(payload)}, {"expires_at", formatRfc3339(pack->expires_at)}}));
  report.ok("document", pack->name + " " + std::to_string(pack->version) + " of " + pack->org + ", sha256 " + sha256Hex(payload));
  for (const Channel channel : {Channel::dev, Channel::prod}) {
    const std::string name = policy::toString(channel);
    if (!options.channel.empty() && options.channel != name) continue;
    const bool made_for = std::find(pack->channels.begin(), pack->channels.end(), channel) != pack->channels.end();
    if (options.channel.empty() && !made_for) continue;
    CLI_CHECK(signatures(report, root, "pack." + name, policy::kPayloadPack, envelope));
    const auto whole = policy::verifyPackFor(root.root, channel, envelope, now);
    if (whole) {
      report.ok(name, "a server would take it");
    } else {
      report.failed(name, whole.error());
    }
  }
  return {};
}

Outcome<int> run(const Context& context, const Options& options) {
  Report report;
  const Timestamp now = context.clock.now();
  std::error_code bad;
  if (std::filesystem::is_directory(options.file, bad)) {
    const auto pack = policy::readPackFolder(options.file);
    if (!pack) {
      report.failed("document", pack.error());
      return report.show(context);
    }
    report.ok("document", pack->name + " " + std::to_string(pack->version) + ": the folder can be made into a pack");
    report.failed("signatures", {Errc::policy_signature_invalid, "Nobody has signed it: ccp policy sign " + options.file + " --key K", {}});
    return report.show(context);
  }
  CLI_TRY(const auto envelope, readFile(options.file, kPolicyFileBytes + 1));
  if (options.root.empty())
    return failed(Errc::usage_error, "By which root is it to be judged?", "Give --root FILE, as `ccp policy root show` saves it.");
  CLI_TRY(const auto root, judge(report, options, now));
  const auto opened = policy::peek(envelope);
  if (!opened) {
    report.failed("envelope", opened.error());
    return report.show(context);
  }
  if (opened->payload_type == policy::kPayloadPack) {
    CLI_CHECK(verifyPack(report, root, options, envelope, opened->payload, now));
  } else if (opened->payload_type == policy::kPayloadChannel) {
    const auto document = policy::parseChannel(opened->payload);
    const Channel channel = document ? document->channel : Channel::prod;
    CLI_CHECK(signatures(report, root, std::string("channel.") + policy::toString(channel), policy::kPayloadChannel, envelope));
    const auto verified = policy::verifyChannel(root.root, {}, channel, envelope, now);
    if (verified) {
      report.ok("document", std::string("channel ") + policy::toString(channel) + " version " + std::to_string(verified->version) + ", " +
                                std::to_string(verified->packs.size()) + " packs, until " + formatRfc3339(verified->expires_at));
    } else {
      report.failed("document", verified.error());
    }
  } else if (opened->payload_type == policy::kPayloadRoot) {
    CLI_CHECK(signatures(report, root, "root", policy::kPayloadRoot, envelope));
    const auto next = policy::verifyNextRoot(root.root, envelope);
    if (next) {
      report.ok("document", "the root that follows, version " + std::to_string(next->version));
    } else {
      report.failed("document", next.error());
    }
  } else {
    report.failed("envelope", {Errc::policy_wrong_type, "It is no policy document but of the type " + opened->payload_type.substr(0, 100) + ".", {}});
  }
  return report.show(context);
}

}  // namespace

void addPolicyVerify(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "verify", "Check who signed a policy document",
      [options](const Context& c) { return run(c, *options); },
      "For a pack: who signed it for which channel, and what is missing. For a channel document and "
      "for the next root:\n"
      "whether clients would take it. Exit code 1: something is wrong with it; 3: signatures are "
      "missing; 5: expired.\n\n"
      "  ccp policy verify base-7.policy --root root-1.json\n"
      "  ccp policy verify root-2.json --root root-1.json");
  option(app, "file", options->file, "Signed file, or the folder of a pack").required();
  option(app, "--root", options->root, "The root to judge by").typeName("FILE");
  option(app, "--pin", options->pin, "SHA-256 that the root's file must have").typeName("SHA256");
  option(app, "--channel", options->channel, "Only this channel (else those that the pack is made for)")
      .oneOf({"dev", "prod"});
}

}  // namespace ccp::cli
