#include "cli/support/policy_client.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "cli/support/profile.hpp"
#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "policy/distribution/updater.hpp"
#include "policy/runtime/runtime.hpp"

namespace ccp::cli {
namespace {

std::string accountFile(const Context& context) { return Profile(context).path("policy.json"); }

Json readAccounts(const Context& context) {
  const auto file = accountFile(context);
  if (!fileExists(file)) return Json::object();
  const auto text = readFile(file, 1 << 20);
  return text ? parseJson(*text).value_or(Json::object()) : Json::object();
}

/// Nobody else asks the server for this set while it lives; taken without waiting.
class Poller {
 public:
  explicit Poller(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0) mine_ = true;
  }
  ~Poller() {
    if (fd_ < 0) return;
    if (mine_) ::flock(fd_, LOCK_UN);
    ::close(fd_);
  }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  bool mine() const noexcept { return mine_; }

 private:
  int fd_;
  bool mine_ = false;
};

class NoSource final : public policy::Source {
 public:
  Result<std::optional<std::string>> root(const std::string&, std::int64_t, Deadline) override { return fail(Errc::unreachable, "offline"); }
  Result<std::optional<std::string>> channel(const std::string&, policy::Channel, const std::string&, Duration) override {
    return fail(Errc::unreachable, "offline");
  }
  Result<std::string> pack(const std::string&, const std::string&, std::size_t, Deadline) override { return fail(Errc::unreachable, "offline"); }
};

class Forget final : public policy::DecisionSink {
 public:
  void take(policy::DecisionRecord&&) noexcept override {}
};

/// The same stages as on a server: what would not run there is not taken here.
tl::expected<void, policy::Refusal> activate(const Context& context, policy::Channel channel, policy::VerifiedSet set) {
  Metrics metrics;
  Forget sink;
  policy::Engine engine;
  policy::Runtime::Options options;
  options.channel = channel;
  policy::Runtime runtime({engine, context.clock, context.random, metrics, sink}, options);
  auto taken = runtime.offer(std::move(set));
  if (!taken) return tl::unexpected(std::move(taken.error()));
  return {};
}

bool isTransport(const Error& error) {
  return error.code == Errc::unreachable || error.code == Errc::unavailable || error.code == Errc::deadline_exceeded || error.code == Errc::not_logged_in ||
         error.code == Errc::internal || error.code == Errc::rate_limited || error.code == Errc::io_error;
}

}  // namespace

Result<PolicyAccount> readPolicyAccount(const Context& context, const std::string& server) {
  const Json all = readAccounts(context);
  const Json& json = all[server];
  if (!json.isObject()) return fail(Errc::not_found, "This machine knows no policies of " + server + " yet.");
  PolicyAccount out;
  out.server = server;
  out.org = json.strOr("org");
  out.channel = policy::channelFromName(json.strOr("channel", "prod")).value_or(policy::Channel::prod);
  out.dev = json.strOr("mode") == "dev";
  out.operator_pin = json["pins"].strOr(policy::kOperatorSet);
  out.org_pin = json["pins"].strOr(out.org);
  return out;
}

Status savePolicyAccount(const Context& context, const PolicyAccount& account) {
  CCP_CHECK_OK(Profile(context).prepare());
  Json all = readAccounts(context);
  Json pins = all[account.server]["pins"].isObject() ? all[account.server]["pins"] : Json::object();
  if (!account.operator_pin.empty()) pins.set(policy::kOperatorSet, account.operator_pin);
  if (!account.org_pin.empty()) pins.set(account.org, account.org_pin);
  all.set(account.server, Json::object({{"org", account.org}, {"channel", policy::toString(account.channel)}, {"mode", account.dev ? "dev" : "prod"}, {"pins", std::move(pins)}}));
  return writeFileAtomic(accountFile(context), all.pretty() + "\n", 0600);
}

Outcome<PolicyAccount> learnPolicyAccount(const Context& context, PolicyRemote& remote, bool pin_roots) {
  PolicyAccount account;
  if (auto known = readPolicyAccount(context, remote.server())) account = std::move(*known);
  const PolicyAccount before = account;
  account.server = remote.server();
  CLI_TRY(const auto status, remote.get("status"));
  // A server that this machine knows to be in prod cannot talk it down to dev, where one signature is enough:
  // that takes a log-in, as another root does.
  const bool may_loosen = pin_roots || before.server.empty();
  const auto channel = policy::channelFromName(status["node"].strOr("channel"));
  if (channel && (*channel == policy::Channel::prod || may_loosen)) account.channel = *channel;
  for (const auto& set : status["sets"].items()) {
    if (set.strOr("set") != "org") continue;
    // It becomes the name of a folder.
    if (!policy::isSetName(set.strOr("org"))) return failed(Errc::provider_error, "The server names an organization that is none.");
    if (account.org != set.strOr("org")) account.org_pin = "";
    account.org = set.strOr("org");
  }
  if (account.org_pin.empty()) {
    if (const auto known = readAccounts(context)[remote.server()]["pins"].optStr(account.org)) account.org_pin = *known;
  }
  const auto configuration = plainRequest(context, "GET", remote.server() + "/.well-known/ccp-configuration");
  if (configuration && configuration->status == 200) account.dev = configuration->json.strOr("mode") == "dev" && (account.dev || may_loosen);
  // In prod a root is pinned by a person who looks at it while logging in, never in passing.
  if (pin_roots || account.dev) {
    for (auto* pin : {&account.operator_pin, &account.org_pin}) {
      const std::string set = pin == &account.operator_pin ? std::string(policy::kOperatorSet) : account.org;
      if (!pin->empty() || set.empty()) continue;
      CLI_TRY(const auto root, remote.root(set, 1, Deadline::none()));
      if (!root) continue;
      if (const auto sound = policy::verifyPinnedRoot(*root, sha256Hex(*root), set); !sound) return failed(sound.error());
      *pin = sha256Hex(*root);
    }
  }
  const bool same = before.server == account.server && before.org == account.org && before.channel == account.channel && before.dev == account.dev &&
                    before.operator_pin == account.operator_pin && before.org_pin == account.org_pin;
  if (!same) CLI_CHECK(savePolicyAccount(context, account));
  return account;
}

Json LocalSet::json(Timestamp now) const {
  Json packs = Json::array();
  const char* state = "none";
  Json out = Json::object({{"set", name}, {"org", org}, {"root_sha256", pin.empty() ? Json() : Json(pin)}});
  if (set) {
    state = stale ? "stale" : "active";
    for (const auto& pack : set->packs) {
      Json signers = Json::array();
      for (const auto& person : pack.signers) signers.push(person);
      packs.push(Json::object({{"name", pack.document.name}, {"version", pack.document.version}, {"sha256", pack.sha256}, {"signers", std::move(signers)}}));
    }
    out.set("version", set->version)
        .set("sha256", set->sha256)
        .set("source", policy::toString(set->origin))
        .set("issued_at", formatRfc3339(set->issued_at))
        .set("expires_at", formatRfc3339(set->expires_at))
        .set("age_s", std::chrono::duration_cast<seconds>(now - set->issued_at).count())
        .set("expires_in_s", std::chrono::duration_cast<seconds>(set->expires_at - now).count());
  } else if (name == policy::kOperatorSet && !refusal) {
    state = "builtin";
    out.set("version", 0).set("source", "builtin");
  }
  if (refusal && !set) state = "refused";
  return out.set("state", state)
      .set("stage", policy::toString(stage))
      .set("packs", std::move(packs))
      .set("one_person", one_person)
      .set("last_error", refusal ? Json::object({{"stage", policy::toString(refusal->stage)}, {"code", refusal->error.name()}, {"detail", refusal->error.detail}}) : Json());
}

LocalSet updateSet(const Context& context, const PolicyAccount& account, const std::string& org, policy::Channel channel, PolicyRemote* remote, Duration wait) {
  LocalSet out;
  out.org = org;
  out.name = org == policy::kOperatorSet ? org : "org";
  out.pin = org == policy::kOperatorSet ? account.operator_pin : account.org_pin;
  if (out.pin.empty()) {
    if (!remote) return out;
    const auto there = remote->root(org, 1, Deadline::none());
    if (!there) {
      out.refusal = policy::Refusal{policy::Stage::fetched, there.error()};
    } else if (*there) {
      out.refusal = policy::Refusal{policy::Stage::verified, Error{Errc::policy_pin_mismatch, "The server has a policy root (" + sha256Hex(**there) + ") that this machine has not pinned; run ccp login again and compare it."}};
    }
    return out;
  }
  const std::string above = Profile(context).path("policy/" + sha256Hex(account.server).substr(0, 16) + "/" + org);
  const std::string folder = above + "/" + policy::toString(channel);
  if (const Status made = makeDirectories(above, 0700); !made) {
    out.refusal = policy::Refusal{policy::Stage::fetched, made.error()};
    return out;
  }
  NoSource nothing;
  policy::Source& source = remote ? static_cast<policy::Source&>(*remote) : nothing;
  policy::Updater updater({folder, org, channel, out.pin, policy::Origin::server}, source, context.clock);
  auto cached = updater.fromCache();
  if (cached) {
    out.set = std::move(*cached);
    out.stage = policy::Stage::active;
  } else if (cached.error().code != Errc::not_found) {
    out.refusal = policy::Refusal{policy::Stage::verified, cached.error()};
  }
  if (remote) {
    const Poller poller(above + "/" + policy::toString(channel) + ".poll");
    if (!poller.mine() && wait > Duration(0)) ::usleep(200'000);  // somebody else waits for news
    if (poller.mine()) {
      out.asked = true;
      auto fetched = updater.fetch(wait);
      if (!fetched) {
        if (fetched.error().code != Errc::not_found) {
          out.refusal = policy::Refusal{isTransport(fetched.error()) ? policy::Stage::fetched : policy::Stage::verified, fetched.error()};
        }
      } else if (*fetched) {
        out.stage = policy::Stage::verified;
        auto done = activate(context, channel, **fetched);
        if (!done) {
          out.refusal = std::move(done.error());
          (void)updater.reject(**fetched);
        } else {
          out.stage = policy::Stage::active;
          out.changed = !out.set || out.set->sha256 != (*fetched)->sha256;
          if (const Status kept = updater.confirm(**fetched); !kept) out.refusal = policy::Refusal{policy::Stage::active, kept.error()};
          out.set = std::move(**fetched);
        }
      } else {
        out.stage = policy::Stage::active;
        out.refusal.reset();
        if (out.set) out.set->origin = policy::Origin::server;  // the server says that it still is what is live
      }
    }
  }
  if (const auto* root = updater.root()) {
    const auto role = root->roles.find("pack.prod");
    out.one_person = role != root->roles.end() && role->second.threshold <= 1;
    if (out.set) out.stale = policy::trustedNow(updater.state(), *root, context.clock.now()) >= out.set->expires_at;
  }
  return out;
}

}  // namespace ccp::cli
