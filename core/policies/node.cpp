#include "core/policies/node.hpp"

#include <algorithm>
#include <utility>

#include "core/base/file.hpp"
#include "core/base/log.hpp"
#include "core/policies/repository.hpp"
#include "core/policies/rules.hpp"

namespace ccp::policies {
namespace {

/// How soon a set is looked at again after a look that failed.
constexpr Duration kRetry = seconds(5);
/// A database may be away for some minutes, and others run what failed here.
constexpr int kWithdrawals = 60;

policy::VerifiedSet withoutFiles(policy::VerifiedSet set) {
  for (auto& pack : set.packs) {
    pack.document.files.clear();
    pack.document.tests.clear();
    pack.document.data = Json::object();
  }
  return set;
}

std::vector<policy::ListedPack> listedOf(const std::vector<policy::VerifiedPack>& packs) {
  std::vector<policy::ListedPack> out;
  for (const auto& pack : packs) out.push_back({pack.document.name, pack.document.version, pack.sha256, 0});
  return out;
}

/// Where documents that do not even verify stop.
policy::Stage stageOf(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
    case Errc::policy_root_missing:
    case Errc::io_error:
    case Errc::unavailable:
    case Errc::deadline_exceeded: return policy::Stage::fetched;
    default: return policy::Stage::verified;
  }
}

}  // namespace

struct Node::Local {
  explicit Local(std::string name) : set(std::move(name)) {}
  const std::string set;
  std::mutex mutex;  ///< one look at a time
  std::unique_ptr<policy::Updater> updater;
  std::string pin;
  std::optional<policy::VerifiedSet> pending;  ///< given to the runtime by load(); not confirmed yet
  std::optional<policy::VerifiedSet> active;   ///< without files
  std::optional<policy::Refusal> refusal;
  std::string alerted;  ///< what the last alert was about
  Timestamp looked_at{};
  // The draft beside it (Options::shadow_dev).
  std::unique_ptr<policy::Updater> draft_updater;
  std::string draft_pin;
  std::optional<policy::VerifiedSet> draft;  ///< what stands on dev, as last fetched
  std::atomic<bool> draft_due{true};
};

Node::Node(const Deps& deps, Options options) : deps_(deps), options_(std::move(options)), source_(deps.db) {}

Node::~Node() { stop(); }

// --- one set --------------------------------------------------------------------------------------

std::shared_ptr<Node::Local> Node::local(const std::string& set) {
  const std::lock_guard lock(mutex_);
  auto& slot = locals_[set];
  if (!slot) slot = std::make_shared<Local>(set);
  return slot;
}

Result<std::optional<std::string>> Node::pinOf(const std::string& set) {
  CCP_TRY(const auto first, source_.root(set, 1, Deadline::none()));
  if (set == policy::kOperatorSet) {
    // Pinned: whoever removes the root from the database does not take away what the cache holds.
    if (!options_.operator_pin.empty()) return std::optional<std::string>(options_.operator_pin);
    if (first && !options_.trust_first) return fail(Errc::policy_pin_mismatch, "The operator has a policy root (" + sha256Hex(*first) + "), and policy.root_sha256 of ccp.yaml names none.");
    return first ? std::optional<std::string>(sha256Hex(*first)) : std::nullopt;
  }
  // What this node saw first stays: whoever can write to the database cannot put another root there.
  const std::string file = options_.folder + "/" + set + "/pin";
  if (fileExists(file)) {
    CCP_TRY(auto kept, readFile(file, 128));
    while (!kept.empty() && kept.back() == '\n') kept.pop_back();
    if (policy::isDigest(kept)) return std::optional<std::string>(std::move(kept));
  }
  if (!first) return std::optional<std::string>();
  const std::string pin = sha256Hex(*first);
  CCP_CHECK_OK(makeDirectories(options_.folder + "/" + set, 0700));
  CCP_CHECK_OK(writeFileAtomic(file, pin + "\n", 0600));
  return std::optional<std::string>(pin);
}

std::unique_ptr<policy::Updater> Node::updaterOf(const std::string& set, const std::string& folder, policy::Channel channel, const std::string& pin) {
  policy::Updater::Options options;
  options.folder = options_.folder + "/" + set + "/" + folder;
  options.org = set;
  options.channel = channel;
  options.root_pin = pin;
  return std::make_unique<policy::Updater>(std::move(options), source_, deps_.clock);
}

Result<bool> Node::prepare(Local& local) {
  CCP_TRY(const auto pin, pinOf(local.set));
  if (!pin) return false;
  if (local.updater && local.pin == *pin) return true;
  CCP_CHECK_OK(makeDirectories(options_.folder + "/" + local.set, 0700));
  local.updater = updaterOf(local.set, policy::toString(options_.channel), options_.channel, *pin);
  local.pin = *pin;
  return true;
}

void Node::current(const Local& local, bool is) {
  deps_.metrics.gauge("ccp_policy_current", "0 while this node could not take what was published last", {{"set", local.set == policy::kOperatorSet ? "operator" : "org"}})
      .set(is ? 1 : 0);
}

void Node::refused(Local& local, policy::Refusal refusal, const std::string& what) {
  const std::string stage = policy::toString(refusal.stage);
  const Error& error = refusal.error;
  const std::string alert = what + "/" + stage + "/" + error.name();
  const bool news = local.alerted != alert;
  local.refusal = refusal;
  current(local, false);
  if (!news) return;
  local.alerted = alert;
  deps_.metrics.counter("ccp_policy_refused_total", "Policies that were refused before they were published or activated", {{"where", "node"}, {"stage", stage}}).add();
  log::error("policy.not_taken", {{"set", local.set}, {"channel", policy::toString(options_.channel)}, {"stage", stage}, {"code", error.name()}, {"detail", error.detail}});
  if (refusal.stage == policy::Stage::fetched) return;  // nothing was offered
  const Status recorded = deps_.db.write(repository::scopeOf(local.set), [&](db::Tx& tx) -> Status {
    const std::string org = local.set == policy::kOperatorSet ? "" : local.set;
    const std::string subject = local.set + "/" + policy::toString(options_.channel);
    const Json data = Json::object({{"set", local.set}, {"channel", policy::toString(options_.channel)}, {"stage", stage}, {"code", error.name()}, {"detail", error.detail}, {"node", options_.id}, {"deed", "activate"}});
    tx.audit({org, "node:" + options_.id, "policy.refuse", subject, {}, data, ""});
    tx.emit({"policy.refused", org, subject, data});
    return {};
  });
  if (!recorded) log::error("policy.refusal_not_recorded", {{"detail", recorded.error().text()}});
}

void Node::offer(Local& local, policy::VerifiedSet set) {
  auto header = withoutFiles(set);
  const bool from_cache = set.origin == policy::Origin::cache;
  // Shadowing is the publisher's: a set that a person forced through must not hang on each node's past.
  const auto taken = deps_.runtime.offer(std::move(set));
  if (!taken) {
    refused(local, taken.error(), header.sha256);
    if (!from_cache) {
      if (const Status done = local.updater->reject(header); !done) log::warn("policy.cache", {{"set", local.set}, {"detail", done.error().text()}});
    }
    return;
  }
  if (!from_cache) {
    if (const Status done = local.updater->confirm(header); !done) log::warn("policy.cache", {{"set", local.set}, {"detail", done.error().text()}});
  }
  current(local, true);
  local.active = std::move(header);
  local.refusal.reset();
  local.alerted.clear();
}

void Node::shadow(const std::string& set) {
  const auto entry = local(set);
  Local& one = *entry;
  const std::lock_guard lock(one.mutex);
  if (one.pin.empty()) return;  // due again when there is a root
  one.draft_due = false;
  if (!one.draft_updater || one.draft_pin != one.pin) {
    one.draft_updater = updaterOf(set, "shadow", policy::Channel::dev, one.pin);
    one.draft_pin = one.pin;
    one.draft.reset();
  }
  auto fetched = one.draft_updater->fetch(Duration(0));
  if (!fetched) {
    if (fetched.error().code != Errc::not_found) log::warn("policy.shadow_not_taken", {{"set", set}, {"code", fetched.error().name()}, {"detail", fetched.error().detail}});
    return;
  }
  if (*fetched) one.draft = std::move(**fetched);
  if (!one.draft) return;
  const auto running = deps_.runtime.status(set);
  const bool same = running && listedText(listedOf(running->packs)) == listedText(listedOf(one.draft->packs));
  if (running && running->draft && running->draft->sha256 == one.draft->sha256 && !same) return;
  const Status done = deps_.runtime.shadow(set, same ? std::nullopt : one.draft);
  if (!done) {
    log::warn("policy.shadow_not_taken", {{"set", set}, {"code", done.error().name()}, {"detail", done.error().detail}});
    return;
  }
  log::info("policy.shadow", {{"set", set}, {"version", one.draft->version}, {"beside", same ? "nothing: dev and prod are the same" : "prod"}});
}

void Node::settle(Local& local) {
  if (!local.pending) return;
  const auto running = deps_.runtime.status(local.set);
  if (!running) return;
  if (running->sha256 == local.pending->sha256) {
    if (const Status done = local.updater->confirm(*local.pending); !done) log::warn("policy.cache", {{"set", local.set}, {"detail", done.error().text()}});
    local.active = std::move(local.pending);
    local.refusal.reset();
  } else if (running->last_refusal) {
    refused(local, *running->last_refusal, local.pending->sha256);
    if (const Status done = local.updater->reject(*local.pending); !done) log::warn("policy.cache", {{"set", local.set}, {"detail", done.error().text()}});
  }
  local.pending.reset();
}

void Node::refresh(const std::string& set, bool from_cache) {
  const auto entry = local(set);
  Local& one = *entry;
  const std::lock_guard lock(one.mutex);
  one.looked_at = deps_.clock.now();
  settle(one);
  const auto prepared = prepare(one);
  if (!prepared) return refused(one, {stageOf(prepared.error()), prepared.error()}, "pin");
  if (!*prepared) return;  // no root: the shipped policies decide, or nobody's
  if (from_cache) {
    auto cached = one.updater->fromCache();
    if (cached) {
      offer(one, std::move(*cached));
    } else if (cached.error().code != Errc::not_found) {
      log::warn("policy.cache_refused", {{"set", set}, {"code", cached.error().name()}, {"detail", cached.error().detail}});
    }
  }
  auto fetched = one.updater->fetch(Duration(0));
  if (!fetched) {
    // Nothing was published yet; or it is gone, and what runs goes on.
    const bool nothing = fetched.error().code == Errc::not_found || fetched.error().code == Errc::policy_root_missing;
    if (nothing && !one.active) return;
    return refused(one, {stageOf(fetched.error()), fetched.error()}, "fetch");
  }
  if (*fetched) {
    offer(one, std::move(**fetched));
  } else if (one.refusal && one.refusal->stage <= policy::Stage::verified) {
    one.refusal.reset();  // what is live is what runs, again
    one.alerted.clear();
    current(one, true);
  }
}

Result<std::optional<policy::VerifiedSet>> Node::load(const std::string& org) {
  // Most organizations have no root: nothing is kept of them.
  CCP_TRY(const auto pin, pinOf(org));
  if (!pin) return std::optional<policy::VerifiedSet>();
  const auto entry = local(org);
  Local& one = *entry;
  const std::lock_guard lock(one.mutex);
  one.looked_at = deps_.clock.now();
  CCP_TRY(const bool prepared, prepare(one));
  if (!prepared) return std::optional<policy::VerifiedSet>();
  auto fetched = one.updater->fetch(Duration(0));
  one.draft_due = true;
  if (fetched && *fetched) {
    one.pending = withoutFiles(**fetched);
    return std::move(*fetched);
  }
  if (!fetched && fetched.error().code != Errc::not_found) refused(one, {stageOf(fetched.error()), fetched.error()}, "fetch");
  auto cached = one.updater->fromCache();
  if (cached) {
    one.active = withoutFiles(*cached);
    return std::optional<policy::VerifiedSet>(std::move(*cached));
  }
  if (!fetched && fetched.error().code != Errc::not_found) return fail(fetched.error());
  if (cached.error().code != Errc::not_found) return fail(cached.error());
  return std::optional<policy::VerifiedSet>();
}

// --- following ------------------------------------------------------------------------------------

void Node::open() {
  deps_.runtime.onLoad([this](const std::string& org) { return load(org); });
  deps_.runtime.onRollback([this](const policy::SetStatus& bad, const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      rollbacks_.push_back({bad, why});
    }
    wake();
  });
  // Before anything is read: the first look() finds what is published from here on.
  const auto revision = deps_.db.read(db::Scope::system(), [](db::Tx& tx) -> Result<std::int64_t> { return repository::revision(tx); });
  if (revision) {
    const std::lock_guard lock(looking_);
    seen_ = *revision;
  }
  refresh(std::string(policy::kOperatorSet), true);
}

Status Node::look(bool everything) {
  const std::lock_guard lock(looking_);
  struct Seen {
    std::int64_t revision = 0;
    std::vector<Head> heads;
    std::vector<Head> drafts;
  };
  // System scope: a node serves every organization.
  CCP_TRY(const auto seen, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<Seen> {
    Seen out;
    out.revision = repository::revision(tx);
    if (seen_ >= 0 && out.revision != seen_) out.heads = repository::headsAfter(tx, options_.channel, seen_);
    if (options_.shadow_dev && seen_ >= 0 && out.revision != seen_) out.drafts = repository::headsAfter(tx, policy::Channel::dev, seen_);
    return out;
  }));
  const bool changed = seen_ >= 0 && seen.revision != seen_;
  everything = everything || seen_ < 0;
  seen_ = seen.revision;
  if (changed) bell_->ring();
  for (const auto& head : seen.heads) {
    const auto running = deps_.runtime.status(head.set);
    if (head.set == policy::kOperatorSet || (running && running->generation > 0)) {
      refresh(head.set, false);
    } else {
      deps_.runtime.forget(head.set);  // "has no packs" may be wrong by now; its next question asks
    }
  }
  std::vector<std::string> again;
  {
    const std::lock_guard held(mutex_);
    const Timestamp now = deps_.clock.now();
    for (const auto& [name, one] : locals_) {
      const std::unique_lock free(one->mutex, std::try_to_lock);
      if (!free) continue;
      const bool failed = one->refusal && one->refusal->stage <= policy::Stage::verified && now - one->looked_at >= kRetry;
      if (everything || failed || one->pending) again.push_back(name);
    }
  }
  for (const auto& name : again) refresh(name, false);
  if (options_.shadow_dev) followDrafts(seen.heads, seen.drafts);
  return {};
}

void Node::followDrafts(const std::vector<Head>& prod, const std::vector<Head>& dev) {
  std::vector<std::string> due;
  {
    const std::lock_guard held(mutex_);
    for (const auto* heads : {&prod, &dev}) {
      for (const auto& head : *heads) {
        if (const auto found = locals_.find(head.set); found != locals_.end()) found->second->draft_due = true;
      }
    }
    for (const auto& [name, one] : locals_) {
      if (one->draft_due) due.push_back(name);
    }
  }
  for (const auto& name : due) shadow(name);
}

void Node::withdrawQueued() {
  std::deque<Rollback> queued;
  {
    const std::lock_guard lock(mutex_);
    queued.swap(rollbacks_);
  }
  for (auto& one : queued) {
    if (one.next_ns > deps_.clock.monotonicNs()) {
      const std::lock_guard lock(mutex_);
      rollbacks_.push_back(std::move(one));
      continue;
    }
    const auto entry = local(one.bad.org);
    {
      const std::lock_guard lock(entry->mutex);
      if (entry->updater && entry->active && entry->active->sha256 == one.bad.sha256) {
        auto bad = *entry->active;
        bad.packs = one.bad.packs;  // those to blame, not those that came along
        if (const Status done = entry->updater->reject(bad, policy::Updater::Refuse::packs); !done) {
          log::warn("policy.cache", {{"set", one.bad.org}, {"detail", done.error().text()}});
        }
      }
      entry->refusal = policy::Refusal{policy::Stage::active, Error{Errc::policy_rolled_back, "Version " + std::to_string(one.bad.version) + ": " + one.why}};
    }
    if (!withdraw_) continue;
    const Status done = withdraw_(one.bad, one.why);
    if (done) continue;
    log::error("policy.withdraw_failed", {{"set", one.bad.org}, {"version", one.bad.version}, {"code", done.error().name()}, {"detail", done.error().detail}});
    if (++one.attempts >= kWithdrawals) continue;
    one.next_ns = deps_.clock.monotonicNs() + static_cast<std::uint64_t>(kRetry.count()) * 1000;
    const std::lock_guard lock(mutex_);
    rollbacks_.push_back(std::move(one));
  }
}

void Node::loop() {
  bool everything = false;
  for (;;) {
    withdrawQueued();
    if (const Status done = look(everything); !done) log::warn("policy.look_failed", {{"detail", done.error().text()}});
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, options_.poll, [&] { return stopping_ || woken_; });
    if (stopping_) return;
    woken_ = false;
    everything = std::exchange(asked_, false);
  }
}

void Node::start() {
  if (thread_.joinable()) return;
  stopping_ = false;
  thread_ = std::thread([this] { loop(); });
}

void Node::stop() {
  bell_->close();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Node::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void Node::ask() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = asked_ = true;
  }
  changed_.notify_all();
}

std::vector<NodeReport> Node::reload() {
  if (const Status done = look(true); !done) log::warn("policy.look_failed", {{"detail", done.error().text()}});
  return reports();
}

std::vector<NodeReport> Node::reports() const {
  std::vector<std::shared_ptr<Local>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, one] : locals_) all.push_back(one);
  }
  std::vector<NodeReport> out;
  for (const auto& one : all) {
    const std::lock_guard lock(one->mutex);
    out.push_back({one->set, one->refusal, one->looked_at, deps_.runtime.status(one->set)});
  }
  // The operator's set first.
  std::stable_partition(out.begin(), out.end(), [](const NodeReport& r) { return r.set == policy::kOperatorSet; });
  return out;
}

std::optional<NodeReport> Node::report(const std::string& set) const {
  std::shared_ptr<Local> one;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = locals_.find(set); found != locals_.end()) one = found->second;
  }
  NodeReport out{set, std::nullopt, {}, deps_.runtime.status(set)};
  if (!one) return out.running ? std::optional<NodeReport>(out) : std::nullopt;
  const std::lock_guard lock(one->mutex);
  out.refusal = one->refusal;
  out.looked_at = one->looked_at;
  return out;
}

}  // namespace ccp::policies
