#include "cli/commands/policy/status.hpp"

#include <algorithm>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_client.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/wait.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::cli {
namespace {

/// Between looks where nothing can be waited for.
constexpr Duration kPause = seconds(2);

struct Options {
  std::string operator_key, channel;
  bool watch = false, wait = false, offline = false;
  int rounds = 0;  ///< of --watch; 0: for ever
};

struct View {
  PolicyAccount account;
  policy::Channel channel = policy::Channel::dev;
  std::vector<LocalSet> sets;
  std::optional<Error> unreachable;
};

bool isTransport(const Failure& failure) { return failure.exit == kUnreachable || failure.code == info(Errc::unavailable).name; }

/// Tells the server what is enforced here. A courtesy: its failure changes nothing.
void report(PolicyRemote& remote, const View& view) {
  for (const auto& set : view.sets) {
    Json body = Json::object({{"set", set.name}, {"channel", policy::toString(view.channel)}, {"version", set.set ? set.set->version : 0}, {"sha256", set.set ? set.set->sha256 : ""}});
    body.set("state", set.set ? (set.stale ? "stale" : "active") : set.refusal ? "refused" : set.name == "operator" ? "builtin" : "none");
    body.set("source", set.set ? policy::toString(set.set->origin) : "builtin");
    if (set.refusal) body.set("last_error", Json::object({{"stage", policy::toString(set.refusal->stage)}, {"code", set.refusal->error.name()}, {"text", set.refusal->error.detail.substr(0, 500)}}));
    (void)remote.post("status", body.dump());
  }
}

Outcome<View> look(const Context& context, const Options& options, PolicyRemote* remote, Duration wait) {
  View out;
  const auto session = Profile(context).session();
  if (!session) return failed(session.error());
  if (remote) {
    auto learned = learnPolicyAccount(context, *remote, false);
    if (learned) {
      out.account = std::move(*learned);
    } else if (isTransport(learned.error())) {
      out.unreachable = Error{Errc::unreachable, learned.error().detail};
      remote = nullptr;
    } else {
      return failed(learned.error());
    }
  }
  if (!remote) {
    const auto known = readPolicyAccount(context, session->server);
    if (!known) {
      if (out.unreachable) return failed(*out.unreachable);
      return failed(known.error());
    }
    out.account = *known;
  }
  out.channel = options.channel.empty() ? out.account.channel : policy::channelFromName(options.channel).value_or(out.account.channel);
  std::vector<std::string> names{std::string(policy::kOperatorSet)};
  if (!out.account.org.empty()) names.push_back(out.account.org);
  const auto anyChanged = [&out] { return std::any_of(out.sets.begin(), out.sets.end(), [](const LocalSet& set) { return set.changed; }); };
  for (const auto& name : names) out.sets.push_back(updateSet(context, out.account, name, out.channel, remote));
  if (remote && wait > Duration(0) && !anyChanged()) {
    // One wait hears of every set: the server ends it when any of them has news.
    const auto has = [](const LocalSet& set) { return set.set && set.asked && !set.refusal; };
    if (const auto waits = std::find_if(out.sets.begin(), out.sets.end(), has); waits != out.sets.end()) {
      *waits = updateSet(context, out.account, waits->org, out.channel, remote, wait);
    } else {
      waiter()(std::min<Duration>(wait, kPause));
    }
    for (auto& set : out.sets) {
      if (!set.changed) set = updateSet(context, out.account, set.org, out.channel, remote);
    }
  }
  const bool refused = std::any_of(out.sets.begin(), out.sets.end(), [](const LocalSet& set) { return set.refusal && set.refusal->stage != policy::Stage::fetched; });
  const bool watching = wait > Duration(0);  // then the server hears of this machine every minute
  if (remote && (anyChanged() || refused || watching)) report(*remote, out);
  return out;
}

Json viewJson(const View& view, Timestamp now) {
  Json sets = Json::array();
  for (const auto& set : view.sets) sets.push(set.json(now));
  return Json::object({{"server", view.account.server},
                       {"channel", policy::toString(view.channel)},
                       {"reachable", !view.unreachable.has_value()},
                       {"sets", std::move(sets)}});
}

void sayView(const Context& context, const View& view) {
  const Timestamp now = context.clock.now();
  say(context, "Policies of " + printable(view.account.server) + ", channel " + context.bold(policy::toString(view.channel)) +
                   (view.unreachable ? context.bad(" (server unreachable: from the cache)") : ""));
  for (const auto& set : view.sets) {
    const std::string name = set.name == policy::kOperatorSet ? "Operator" : "Organization";
    if (!set.set) {
      const std::string what = set.refusal ? context.bad("none that can be trusted") : set.name == policy::kOperatorSet ? "what CCP ships (builtin)" : "no policies of its own";
      say(context, "  " + context.bold(name) + ": " + what);
    } else {
      say(context, "  " + context.bold(name) + ": version " + std::to_string(set.set->version) + " (" + set.set->sha256.substr(0, 12) + ") from " +
                       policy::toString(set.set->origin) + ", issued " + relativeTime(set.set->issued_at, now) + ", expires " +
                       (set.stale ? context.bad(relativeTime(set.set->expires_at, now) + ", stale") : relativeTime(set.set->expires_at, now)));
      for (const auto& pack : set.set->packs) {
        std::string signers;
        for (const auto& person : pack.signers) signers += (signers.empty() ? "" : ", ") + printable(person);
        say(context, "    " + printable(pack.document.name) + " " + std::to_string(pack.document.version) + "  " + pack.sha256.substr(0, 12) + "  signed by " + signers);
      }
      if (set.one_person) say(context, "    one person alone can change prod");
    }
    if (set.refusal)
      say(context, "    " + context.bad("last error") + " at " + policy::toString(set.refusal->stage) + ": " + printable(set.refusal->error.text()));
  }
}

int exitOfView(const View& view) {
  int code = kOk;
  for (const auto& set : view.sets) {
    if (set.stale) return kStale;
    if (set.refusal && set.refusal->stage != policy::Stage::fetched) code = kUndecided;
    if (set.refusal && set.refusal->stage == policy::Stage::fetched && !set.set && code == kOk) code = kUnreachable;
  }
  return code;
}

/// With the operator key: the server's own view.
Outcome<int> operatorStatus(const Context& context, const Options& options) {
  CLI_TRY(const auto remote, PolicyRemote::open(context, options.operator_key, true));
  CLI_TRY(const auto status, remote->get("status"));
  if (context.json) {
    context.emit(status);
    return kOk;
  }
  say(context, "Node " + status["node"].strOr("id") + ", channel " + context.bold(status["node"].strOr("channel")));
  for (const auto& set : status["node"]["sets"].items()) {
    say(context, "  " + context.bold(set.strOr("set")) + ": version " + std::to_string(set.intOr("version")) + " from " + set.strOr("source", "nowhere") + ", " +
                     std::to_string(set.intOr("decisions")) + " decisions, " + std::to_string(set.intOr("denials")) + " denials, " + std::to_string(set.intOr("faults")) + " faults");
    if (const Json& draft = set["shadow"]; draft.isObject())
      say(context, "    dev in shadow: version " + std::to_string(draft.intOr("version")) + ", " + std::to_string(draft.intOr("differing")) + " of " +
                       std::to_string(draft.intOr("decisions")) + " decisions would come out otherwise");
    if (set["refusal"].isObject()) say(context, "    " + context.bad("last error") + " at " + set["refusal"].strOr("stage") + ": " + printable(set["refusal"].strOr("detail")));
  }
  for (const auto& set : status["sets"].items()) {
    for (const auto& channel : set["channels"].items()) {
      if (const auto problem = channel.optStr("problem")) {
        say(context, "  " + printable(set.strOr("set")) + "/" + channel.strOr("channel") + ": " + context.bad(printable(*problem)));
        continue;
      }
      say(context, "  " + printable(set.strOr("set")) + "/" + channel.strOr("channel") + ": version " + std::to_string(channel.intOr("version")) + ", " + channel.strOr("deed") +
                       " by " + printable(channel.strOr("by")) + ", expires " + channel.strOr("expires_at"));
      for (const auto& pack : channel["packs"].items())
        say(context, "    " + printable(pack.strOr("name")) + " " + std::to_string(pack.intOr("version")) + "  " + pack.strOr("sha256").substr(0, 12) +
                         (pack.optStr("problem") ? "  " + context.bad(printable(pack.strOr("problem"))) : ""));
    }
    if (set.boolOr("one_person")) say(context, "    one person alone can change prod");
  }
  return kOk;
}

Outcome<std::unique_ptr<PolicyRemote>> remoteOf(const Context& context, const Options& options) {
  if (options.offline) return std::unique_ptr<PolicyRemote>();
  return PolicyRemote::open(context, "", false);
}

Outcome<int> status(const Context& context, const Options& options) {
  if (!options.operator_key.empty()) return operatorStatus(context, options);
  CLI_TRY(const auto remote, remoteOf(context, options));
  int code = kOk;
  for (int round = 0; round == 0 || options.watch; ++round) {
    // The first look does not wait; the next ones wait for news.
    const bool waits = round > 0 && remote != nullptr;
    CLI_TRY(const auto view, look(context, options, remote.get(), waits ? seconds(50) : Duration{}));
    code = exitOfView(view);
    bool news = round == 0;
    for (const auto& set : view.sets) news = news || set.changed;
    if (news) {
      if (context.json) {
        context.emit(viewJson(view, context.clock.now()));
      } else {
        sayView(context, view);
      }
    }
    if (!options.watch || (options.rounds > 0 && round + 1 >= options.rounds)) break;
    if (view.unreachable || remote == nullptr) waiter()(kPause);
  }
  return code;
}

Outcome<int> reload(const Context& context, const Options& options) {
  if (!options.operator_key.empty()) {
    CLI_TRY(const auto remote, PolicyRemote::open(context, options.operator_key, true));
    CLI_TRY(const auto answer, remote->post("reload", "{}"));
    if (context.json) {
      context.emit(answer);
    } else {
      for (const auto& set : answer["node"]["sets"].items())
        say(context, set.strOr("set") + ": version " + std::to_string(set.intOr("version")) + (set["refusal"].isObject() ? ", refused at " + set["refusal"].strOr("stage") : ", active"));
    }
    for (const auto& set : answer["node"]["sets"].items()) {
      if (set["refusal"].isObject()) return kUndecided;
    }
    return kOk;
  }
  CLI_TRY(const auto remote, remoteOf(context, options));
  CLI_TRY(const auto view, look(context, options, remote.get(), options.wait ? seconds(50) : Duration{}));
  if (view.unreachable) return failed(*view.unreachable);
  if (context.json) {
    context.emit(viewJson(view, context.clock.now()));
  } else {
    for (const auto& set : view.sets) {
      if (!set.set && !set.refusal) continue;
      say(context, set.name + ": " + (set.refusal ? context.bad(std::string("stopped at ") + policy::toString(set.refusal->stage)) : context.good(policy::toString(set.stage))) +
                       (set.set ? ", version " + std::to_string(set.set->version) + (set.changed ? " (new)" : "") : ""));
      if (set.refusal) say(context, "  " + printable(set.refusal->error.text()));
    }
  }
  return exitOfView(view);
}

}  // namespace

void addPolicyStatus(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(policy, "status", "Show which policies are in force",
                           [options](const Context& c) { return status(c, *options); },
                           "Channel, version, digest, who signed, age, expiry, source (server or cache) and the last error of the\n"
                           "operator's and your organization's policies. Works from the verified cache when the server is away.\n"
                           "With --operator-key: what the server itself decides with.\n"
                           "Exit code 5 when they have run out, 3 when something could not be verified.");
  option(app, "--channel", options->channel, "Another channel than the server's").oneOf({"dev", "prod"});
  flag(app, "--watch", options->watch, "Go on, and show every change");
  option(app, "--rounds", options->rounds, "End --watch after so many looks").typeName("N");
  flag(app, "--offline", options->offline, "From the cache alone");
  CommandTree::addOperatorKey(app, options->operator_key);
}

void addPolicyReload(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(policy, "reload", "Look for new policies now",
                           [options](const Context& c) { return reload(c, *options); },
                           "Prints the stage that was reached: fetched, verified, compiled, linted, self-tested, shadowed, active.\n"
                           "With --operator-key the server's node looks; without, this machine.");
  flag(app, "--wait", options->wait, "Wait for news, up to 50 s");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace ccp::cli
