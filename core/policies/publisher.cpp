#include "core/policies/publisher.hpp"

#include <algorithm>

#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/crypto/dsse.hpp"
#include "core/policies/rules.hpp"

namespace ccp::policies {
namespace {

using policy::Channel;

/// How often a publication starts again because another one came between.
constexpr int kAttempts = 5;
constexpr std::size_t kPastDecisions = 500;
/// How far a rollback looks back for the packs before.
constexpr int kPastVersions = 1000;
constexpr Duration kRenewalsKept = hours(30 * 24);
constexpr int kSwept = 1000;

std::string auditOrg(const std::string& set) { return set == policy::kOperatorSet ? "" : set; }
std::string subjectOf(const std::string& set, Channel channel) { return set + "/" + policy::toString(channel); }

Json packsJson(const std::vector<policy::ListedPack>& packs) {
  Json out = Json::array();
  for (const auto& pack : packs) out.push(Json::object({{"name", pack.name}, {"version", pack.version}, {"sha256", pack.sha256}}));
  return out;
}

Json channelJson(Channel channel, std::int64_t version, const std::string& sha256, const std::vector<policy::ListedPack>& packs) {
  return Json::object({{"channel", policy::toString(channel)}, {"version", version}, {"sha256", sha256}, {"packs", packsJson(packs)}});
}

Publication publicationOf(const Draft& draft, const std::string& deed) {
  return {draft.set.org, draft.set.channel, draft.document.version, draft.sha256, deed, draft.document.packs, true};
}

/// The error with the stage that refused in front of its fields.
Error withStage(const policy::Refusal& refusal) {
  Error error = refusal.error;
  error.fields.insert(error.fields.begin(), {"/stage", policy::toString(refusal.stage)});
  return error;
}

tl::unexpected<Error> busy(const std::string& set, Channel channel) {
  return fail(Errc::policy_changed_meanwhile, "The channel " + std::string(policy::toString(channel)) + " of " + set + " changes all the time.");
}

std::vector<policy::ListedPack> listedOf(const Drafts::Live& live) { return live.document ? live.document->packs : std::vector<policy::ListedPack>(); }
std::vector<std::string> revokedOf(const Drafts::Live& live) { return live.document ? live.document->revoked : std::vector<std::string>(); }

}  // namespace

Publisher::Publisher(Deps deps, Options options)
    : deps_(std::move(deps)), options_(std::move(options)), drafts_(deps_.db, deps_.clock, deps_.keys, options_.operator_pin) {}

// --- roots ----------------------------------------------------------------------------------------

RootInfo Publisher::describe(const std::string& set, const Trust& trust) const {
  RootInfo out;
  out.set = set;
  out.version = trust.root.version;
  out.sha256 = trust.sha256;
  out.first_sha256 = trust.first_sha256;
  out.expires_at = trust.root.expires_at;
  const auto threshold = [&](const char* role) {
    const auto found = trust.root.roles.find(role);
    return found == trust.root.roles.end() ? 0 : found->second.threshold;
  };
  out.dev_threshold = threshold("pack.dev");
  out.prod_threshold = threshold("pack.prod");
  const auto lists = [&](const char* role) {
    const auto found = trust.root.roles.find(role);
    return found != trust.root.roles.end() && deps_.keys.channelSigner(found->second.keyids) != nullptr;
  };
  out.lists_server_key = lists("channel.dev") && lists("channel.prod");
  return out;
}

Result<std::optional<RootInfo>> Publisher::root(const std::string& set) {
  CCP_TRY(const auto trust, drafts_.trust(set));
  if (!trust) return std::optional<RootInfo>();
  return std::optional<RootInfo>(describe(set, *trust));
}

Result<RootInfo> Publisher::addRoot(const std::string& set, const std::string& envelope, const std::string& actor) {
  const std::string sha256 = sha256Hex(envelope);
  CCP_TRY(const auto current, drafts_.trust(set));
  policy::RootDocument next;
  if (!current) {
    if (set == policy::kOperatorSet && !options_.operator_pin.empty() && options_.operator_pin != sha256) {
      return fail(Errc::policy_pin_mismatch, "Its SHA-256 is " + sha256 + ", and policy.root_sha256 of ccp.yaml is " + options_.operator_pin + ".");
    }
    if (set == policy::kOperatorSet && options_.operator_pin.empty() && options_.pin_required) {
      return fail(Errc::policy_pin_mismatch, "In prod mode the operator's root must be pinned first: put policy.root_sha256: " + sha256 + " into ccp.yaml and restart, if this is your root.");
    }
    CCP_TRY(next, policy::verifyPinnedRoot(envelope, sha256, set));
    if (next.version != 1) return fail(Errc::policy_root_order, "The first root of a set has version 1, this one " + std::to_string(next.version) + ".");
  } else if (current->sha256 == sha256) {
    auto same = describe(set, *current);
    same.changed = false;
    return same;
  } else {
    CCP_TRY(next, policy::verifyNextRoot(current->root, envelope));
  }
  CCP_CHECK_OK(policy::checkRootFresh(next, deps_.clock.now()));
  CCP_CHECK_OK(deps_.db.write(repository::scopeOf(set), [&](db::Tx& tx) -> Status {
    if (!repository::addRoot(tx, set, {next.version, sha256, envelope, tx.now(), actor})) {
      return fail(Errc::policy_root_order, "Another root of version " + std::to_string(next.version) + " was uploaded a moment ago.");
    }
    const Json after = Json::object({{"version", next.version}, {"sha256", sha256}});
    tx.audit({auditOrg(set), actor, "policy.root", set, current ? Json::object({{"version", current->root.version}, {"sha256", current->sha256}}) : Json(), after, ""});
    tx.emit({"policy.activated", auditOrg(set), set, after});
    return {};
  }));
  Trust trust{std::move(next), sha256, current ? current->first_sha256 : sha256};
  log::info("policy.root", {{"set", set}, {"version", trust.root.version}, {"sha256", sha256}, {"actor", actor}});
  // What is live was signed under the root before: sign it again, so that nodes that know the new one agree.
  if (const Status done = resignAll(set); !done) log::error("policy.resign_failed", {{"set", set}, {"detail", done.error().text()}});
  return describe(set, trust);
}

Status Publisher::resignAll(const std::string& set) {
  for (const auto channel : {Channel::dev, Channel::prod}) CCP_CHECK_OK(renew(set, channel));
  return {};
}

// --- storing --------------------------------------------------------------------------------------

Result<std::optional<Publication>> Publisher::store(const Draft& draft, const Deed& deed) {
  const auto& set = draft.set.org;
  const auto channel = draft.set.channel;
  faultPoint("policy.before_publish");
  auto stored = deps_.db.write(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<Publication>> {
    const auto head = repository::head(tx, set, channel);
    if (head.has_value() != draft.basis.has_value() || (head && head->sha256 != draft.basis->sha256)) return std::optional<Publication>();
    if (deed.new_pack) repository::addPack(tx, set, *deed.new_pack);
    if (deed.new_envelope) repository::setEnvelope(tx, set, deed.new_envelope->first, deed.new_envelope->second);
    ChannelRow row;
    row.set = set;
    row.channel = channel;
    row.version = draft.document.version;
    row.sha256 = draft.sha256;
    row.envelope = draft.envelope;
    row.listed = listedText(draft.document.packs);
    row.deed = deed.name;
    row.reason = deed.reason;
    row.created_by = deed.actor;
    row.expires_at = draft.document.expires_at;
    if (!repository::addChannel(tx, row)) return std::optional<Publication>();
    if (deed.name != "renew") {
      const Json before = draft.basis ? Json::object({{"version", draft.basis->version}, {"sha256", draft.basis->sha256}}) : Json();
      Json after = channelJson(channel, row.version, row.sha256, draft.document.packs);
      tx.audit({auditOrg(set), deed.actor, "policy." + deed.name, subjectOf(set, channel), before, after, deed.reason});
      after.set("set", set).set("deed", deed.name).set("actor", deed.actor).set("reason", deed.reason);
      tx.emit({"policy.activated", auditOrg(set), subjectOf(set, channel), after});
      if (deed.name == "rollback" || deed.name == "withdraw") tx.emit({"policy.rolled_back", auditOrg(set), subjectOf(set, channel), after});
    }
    tx.afterCommit(deps_.published);
    return std::optional<Publication>(publicationOf(draft, deed.name));
  });
  if (stored && *stored) {
    faultPoint("policy.after_publish");
    deps_.metrics.counter("ccp_policy_published_total", "Channel documents that this node signed and stored", {{"deed", deed.name}}).add();
    log::info("policy.published", {{"set", set}, {"channel", policy::toString(channel)}, {"version", draft.document.version}, {"deed", deed.name}, {"actor", deed.actor}});
  }
  return stored;
}

Error Publisher::refused(const Draft& draft, const Deed& deed, const policy::Refusal& refusal) {
  const std::string stage = policy::toString(refusal.stage);
  const auto& set = draft.set.org;
  Error error = withStage(refusal);
  deps_.metrics.counter("ccp_policy_refused_total", "Policies that were refused before they were published or activated", {{"where", "publish"}, {"stage", stage}}).add();
  const Status recorded = deps_.db.write(repository::scopeOf(set), [&](db::Tx& tx) -> Status {
    Json after = channelJson(draft.set.channel, draft.document.version, "", draft.document.packs);
    after.set("set", set).set("deed", deed.name).set("stage", stage).set("code", error.name()).set("detail", error.detail);
    tx.audit({auditOrg(set), deed.actor, "policy.refuse", subjectOf(set, draft.set.channel), {}, after, deed.reason});
    tx.emit({"policy.refused", auditOrg(set), subjectOf(set, draft.set.channel), after});
    return {};
  });
  if (!recorded) log::error("policy.refusal_not_recorded", {{"detail", recorded.error().text()}});
  return error;
}

tl::expected<policy::ReplayReport, policy::Refusal> Publisher::rehearse(const Draft& draft, const policy::ActivationOptions& options) const {
  if (draft.set.channel == options_.channel) return deps_.runtime.examine(draft.set, options);
  auto here = draft.set;
  here.channel = options_.channel;
  return deps_.runtime.examine(here, options);
}

Status Publisher::examine(const Draft& draft, const Deed& deed) {
  const auto seen = rehearse(draft);
  if (!seen) return fail(refused(draft, deed, seen.error()));
  return {};
}

/// Of both channels: a channel that begins later knows what was revoked on the other one.
Result<std::vector<std::string>> Publisher::revokedIn(const std::string& set) const {
  std::vector<std::string> out;
  for (const auto channel : {Channel::dev, Channel::prod}) {
    CCP_TRY(const auto live, drafts_.live(set, channel));
    const auto revoked = revokedOf(live);
    out.insert(out.end(), revoked.begin(), revoked.end());
  }
  return out;
}

// --- deeds ----------------------------------------------------------------------------------------

Result<Publication> Publisher::push(const std::string& set, const std::string& envelope, const std::string& actor) {
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  CCP_TRY(const auto opened, crypto::parseDsse(envelope, policy::transferCap(policy::kMaxDocumentBytes)));
  const std::string sha256 = sha256Hex(opened.payload);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CCP_TRY(const auto stored, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<PackRow>> { return repository::pack(tx, set, sha256); }));
    // Signatures come in one by one: what counts are all of them together.
    std::string whole = envelope;
    if (stored) {
      CCP_TRY(whole, joinSignatures(trust.root, stored->envelope, envelope));
    }
    CCP_TRY(const auto pack, policy::verifyPackFor(trust.root, Channel::dev, whole, deps_.clock.now()));
    CCP_TRY(const auto live, drafts_.live(set, Channel::dev));
    const policy::ListedPack listed{pack.name, pack.version, sha256, opened.payload.size()};
    const auto now_listed = listedOf(live);
    CCP_TRY(const auto highest, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::int64_t> { return repository::highestPack(tx, set, pack.name); }));
    Deed deed{"push", "", actor, {}, {}};
    CCP_TRY(const auto revoked, revokedIn(set));
    if (stored) {
      const bool is_live = std::find(now_listed.begin(), now_listed.end(), listed) != now_listed.end();
      // Behind a newer version it may still be what prod has, and need another person before one leaves the root.
      const bool is_behind = live.document && pack.version < highest && whole != stored->envelope;
      if (is_live || is_behind) {
        // There may be more signatures.
        CCP_CHECK_OK(checkNotRevoked({listed}, revoked));
        CCP_CHECK_OK(deps_.db.write(repository::scopeOf(set), [&](db::Tx& tx) -> Status {
          const auto row = repository::pack(tx, set, sha256);
          if (!row || row->envelope != stored->envelope) return fail(Errc::policy_changed_meanwhile, "Somebody else added a signature at the same time.");
          if (whole == stored->envelope) return {};
          repository::setEnvelope(tx, set, sha256, whole);
          tx.audit({auditOrg(set), actor, "policy.sign", subjectOf(set, Channel::dev), {}, Json::object({{"name", pack.name}, {"version", pack.version}, {"sha256", sha256}}), ""});
          return {};
        }));
        return Publication{set, Channel::dev, live.document->version, live.row->sha256, "push", now_listed, false};
      }
      deed.new_envelope = {sha256, whole};
    } else {
      deed.new_pack = PackRow{sha256, pack.name, pack.version, static_cast<std::int64_t>(opened.payload.size()), whole, {}, actor};
    }
    if (!stored && pack.version == highest) {
      return fail(Errc::policy_equivocation, "There is another pack " + pack.name + " of version " + std::to_string(highest) + ".");
    }
    if (pack.version < highest) {
      return fail(Errc::policy_rollback, "The pack " + pack.name + " has version " + std::to_string(pack.version) + ", and version " + std::to_string(highest) + " was pushed before.");
    }
    CCP_TRY(const auto draft, drafts_.make(trust, Channel::dev, live, withPack(now_listed, listed), revoked, {{sha256, whole}}));
    CCP_CHECK_OK(examine(draft, deed));
    CCP_TRY(auto done, store(draft, deed));
    if (done) return std::move(*done);
  }
  return busy(set, Channel::dev);
}

Result<Promotion> Publisher::promote(const std::string& set, const PromoteRequest& request, const std::string& actor) {
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  CCP_TRY(const auto pack, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<PackRow> {
    auto row = repository::packByVersion(tx, set, request.name, request.version);
    if (!row) return fail(Errc::not_found, "No pack " + request.name + " of version " + std::to_string(request.version) + " was pushed.");
    return std::move(*row);
  }));
  Promotion out;
  out.max_flip = request.max_flip.value_or(options_.max_flip);
  const std::string role = std::string("pack.") + policy::toString(request.to);
  CCP_TRY(out.signers, policy::signersOf(trust.root, role, policy::kPayloadPack, pack.envelope));
  const Deed deed{"promote", request.reason, actor, {}, {}};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CCP_TRY(const auto live, drafts_.live(set, request.to));
    out.live_version = live.document ? live.document->version : 0;
    if (request.expected_version && *request.expected_version != out.live_version) {
      return fail(Errc::policy_changed_meanwhile, "Version " + std::to_string(out.live_version) + " is live by now, not " + std::to_string(*request.expected_version) + ".");
    }
    const policy::ListedPack listed{pack.name, pack.version, pack.sha256, static_cast<std::size_t>(pack.size)};
    CCP_TRY(auto revoked, revokedIn(set));
    CCP_TRY(const auto draft, drafts_.make(trust, request.to, live, withPack(listedOf(live), listed), std::move(revoked)));
    CCP_TRY(auto past, deps_.decisions.past({set, std::nullopt, std::nullopt, kPastDecisions}));
    policy::ActivationOptions options;
    options.shadow_inputs = std::move(past);
    options.max_flip = out.max_flip;
    options.force_shadow = true;  // the share is judged here, where the report can be shown
    auto seen = rehearse(draft, options);
    if (!seen) return fail(request.dry_run ? withStage(seen.error()) : refused(draft, deed, seen.error()));  // a question is no deed
    out.report = std::move(*seen);
    out.within = out.report.flipRate() <= out.max_flip;
    if (request.dry_run) return out;
    if (!out.within && !request.force) {
      const auto percent = [](double share) { return std::to_string(share * 100).substr(0, 5) + " %"; };
      return fail(refused(draft, deed,
                          {policy::Stage::shadowed, Error{Errc::policy_shadow_flips, percent(out.report.flipRate()) + " of " + std::to_string(out.report.total) +
                                                                                         " recorded decisions would come out otherwise; " + percent(out.max_flip) + " are allowed."}}));
    }
    const auto live_packs = listedOf(live);
    if (std::find(live_packs.begin(), live_packs.end(), listed) != live_packs.end()) {
      out.publication = Publication{set, request.to, out.live_version, live.row->sha256, "promote", live_packs, false};
      return out;
    }
    CCP_TRY(out.publication, store(draft, deed));
    if (out.publication) return out;
  }
  return busy(set, request.to);
}

Result<Publication> Publisher::rollback(const std::string& set, Channel channel, std::optional<std::int64_t> to, const std::string& reason, const std::string& actor) {
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  const Deed deed{"rollback", reason, actor, {}, {}};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CCP_TRY(const auto live, drafts_.live(set, channel));
    if (!live.row) return fail(Errc::not_found, "Nothing was published on the channel " + std::string(policy::toString(channel)) + " yet.");
    const std::string listed_now = listedText(listedOf(live));
    CCP_TRY(const auto before, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<ChannelRow>> {
      if (to) return repository::version(tx, set, channel, *to);
      std::vector<PastVersion> past;
      for (const auto& row : repository::history(tx, set, channel, kPastVersions)) past.push_back({row.version, row.listed, row.deed});
      std::reverse(past.begin(), past.end());
      const auto target = versionBefore(past);
      return target ? repository::version(tx, set, channel, *target) : std::optional<ChannelRow>();
    }));
    if (!before) {
      return fail(Errc::not_found, to ? "The channel " + std::string(policy::toString(channel)) + " has no version " + std::to_string(*to) + "."
                                      : "The channel " + std::string(policy::toString(channel)) + " has had no other packs before.");
    }
    CCP_TRY(const auto opened, crypto::parseDsse(before->envelope));
    CCP_TRY(const auto document, policy::parseChannel(opened.payload));
    if (listedText(document.packs) == listed_now) return Publication{set, channel, live.row->version, live.row->sha256, "rollback", document.packs, false};
    CCP_TRY(auto revoked, revokedIn(set));
    CCP_TRY(const auto draft, drafts_.make(trust, channel, live, document.packs, std::move(revoked)));
    CCP_CHECK_OK(examine(draft, deed));
    CCP_TRY(auto done, store(draft, deed));
    if (done) return std::move(*done);
  }
  return busy(set, channel);
}

Result<std::vector<Publication>> Publisher::revoke(const std::string& set, const std::string& sha256, const std::string& reason, const std::string& actor) {
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  CCP_CHECK_OK(deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Status {
    if (!repository::pack(tx, set, sha256)) return fail(Errc::not_found, "There is no policy pack " + sha256.substr(0, 64) + ".");
    return {};
  }));
  std::vector<Publication> out;
  const Deed deed{"revoke", reason, actor, {}, {}};
  for (const auto channel : {Channel::dev, Channel::prod}) {
    for (int attempt = 0;; ++attempt) {
      if (attempt == kAttempts) return busy(set, channel);
      CCP_TRY(const auto live, drafts_.live(set, channel));
      if (!live.row) break;  // not in use: a first document has nothing to forbid
      auto revoked = revokedOf(live);
      if (std::find(revoked.begin(), revoked.end(), sha256) != revoked.end()) break;
      revoked.push_back(sha256);
      auto packs = listedOf(live);
      std::erase_if(packs, [&](const auto& pack) { return pack.sha256 == sha256; });
      // Not examined: less is in force than before, and a revocation must not fail for the sake of the rest.
      CCP_TRY(const auto draft, drafts_.make(trust, channel, live, std::move(packs), std::move(revoked)));
      CCP_TRY(auto done, store(draft, deed));
      if (!done) continue;
      out.push_back(std::move(*done));
      break;
    }
  }
  return out;
}

Result<std::optional<Publication>> Publisher::withdraw(const policy::SetStatus& bad, const std::string& why) {
  const auto& set = bad.org;
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  const Deed deed{"withdraw", why, "node:" + options_.node, {}, {}};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    CCP_TRY(const auto live, drafts_.live(set, bad.channel));
    CCP_TRY(const auto failed, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<ChannelRow>> {
      return repository::version(tx, set, bad.channel, bad.version);
    }));
    // The first node wins: for the others something else is live by now. A renewal of what failed is not.
    if (!live.row || !failed || failed->sha256 != bad.sha256 || failed->listed != listedText(listedOf(live))) return std::optional<Publication>();
    CCP_TRY(const auto draft, draftBefore(trust, live, *failed, bad.packs));
    CCP_TRY(auto done, store(draft, deed));
    if (done) return done;
  }
  return busy(set, bad.channel);
}

/// The newest set before `failed` that is worth going back to; one without packs when there is none.
Result<Draft> Publisher::draftBefore(const Trust& trust, const Drafts::Live& live, const ChannelRow& failed,
                                     const std::vector<policy::VerifiedPack>& blamed) const {
  constexpr int kTries = 20;
  const auto& set = failed.set;
  const auto isBlamed = [&](const policy::ListedPack& listed) {
    return std::any_of(blamed.begin(), blamed.end(), [&](const auto& pack) { return pack.sha256 == listed.sha256; });
  };
  std::int64_t below = live.row->version;
  for (int tries = 0; tries < kTries; ++tries) {
    CCP_TRY(const auto before, deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<ChannelRow>> {
      auto row = repository::newestWithOther(tx, set, failed.channel, below, failed.listed);
      // What was withdrawn once is not come back to: two bad sets would take turns.
      while (row && repository::wasWithdrawn(tx, set, failed.channel, row->listed)) row = repository::newestWithOther(tx, set, failed.channel, row->version, row->listed);
      return row;
    }));
    if (!before) break;
    below = before->version;
    if (before->listed == failed.listed) continue;
    const auto opened = crypto::parseDsse(before->envelope);
    const auto document = opened ? policy::parseChannel(opened->payload) : Result<policy::ChannelDocument>(fail(opened.error()));
    if (!document || std::any_of(document->packs.begin(), document->packs.end(), isBlamed)) continue;
    auto draft = drafts_.make(trust, failed.channel, live, document->packs, revokedOf(live));
    if (!draft || !rehearse(*draft)) continue;  // revoked or run out since: further back
    return draft;
  }
  return drafts_.make(trust, failed.channel, live, {}, revokedOf(live));
}

// --- renewal --------------------------------------------------------------------------------------

Status Publisher::renew(const std::string& set, Channel channel) {
  CCP_TRY(const auto live, drafts_.live(set, channel));
  if (!live.row) return {};
  CCP_TRY(const auto trust, drafts_.requireTrust(set));
  CCP_TRY(const auto draft, drafts_.make(trust, channel, live, listedOf(live), revokedOf(live)));
  // Another node may have been first: then its document is as good.
  CCP_TRY([[maybe_unused]] const auto done, store(draft, {"renew", "", "system", {}, {}}));
  return {};
}

Result<int> Publisher::renewDue() {
  constexpr int kBatch = 100;
  constexpr int kLogged = 10;
  int renewed = 0, failed = 0;
  for (const auto channel : {Channel::dev, Channel::prod}) {
    // Page by page: sets that cannot be signed again (a root that ran out) must not stand before all others.
    std::optional<Expiring> last;
    for (;;) {
      // System scope: the server signs for every set.
      CCP_TRY(const auto due, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Expiring>> {
        return repository::expiring(tx, channel, tx.now() + lifeOf(channel) / 2, last, kBatch);
      }));
      for (const auto& head : due) {
        if (const Status done = renew(head.set, channel); done) {
          ++renewed;
        } else {
          deps_.metrics.counter("ccp_policy_renewals_failed_total", "Channel documents that could not be signed again").add();
          if (++failed <= kLogged) log::error("policy.renewal_failed", {{"set", head.set}, {"channel", policy::toString(channel)}, {"code", done.error().name()}, {"detail", done.error().detail}});
        }
      }
      if (due.size() < static_cast<std::size_t>(kBatch)) break;
      last = due.back();
    }
  }
  // What a renewal listed is listed by what it renewed as well: rows of them are kept for a while only.
  for (const auto channel : {Channel::dev, Channel::prod}) {
    CCP_TRY([[maybe_unused]] const auto gone, deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
      return repository::sweepRenewals(tx, channel, tx.now() - kRenewalsKept, kSwept);
    }));
  }
  if (failed > kLogged) log::error("policy.renewals_failed", {{"count", failed}});
  return renewed;
}

// --- looking --------------------------------------------------------------------------------------

Result<std::optional<ChannelView>> Publisher::view(const std::string& set, Channel channel) {
  CCP_TRY(const auto live, drafts_.live(set, channel));
  if (!live.row) return std::optional<ChannelView>();
  CCP_TRY(const auto trust, drafts_.trust(set));
  ChannelView out;
  out.set = set;
  out.document = *live.document;
  out.sha256 = live.row->sha256;
  out.deed = live.row->deed;
  out.reason = live.row->reason;
  out.by = live.row->created_by;
  out.published_at = live.row->created_at;
  policy::TrustState fresh;
  fresh.org = set;
  fresh.channel = channel;
  const std::string role = std::string("pack.") + policy::toString(channel);
  for (const auto& listed : out.document.packs) {
    ChannelView::Pack pack{listed, {}, 0, ""};
    const auto row = deps_.db.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<PackRow>> { return repository::pack(tx, set, listed.sha256); });
    if (!row) return fail(row.error());
    if (!*row) {
      pack.problem = "The pack is missing from the database.";
    } else if (trust) {
      const auto signers = policy::signersOf(trust->root, role, policy::kPayloadPack, (*row)->envelope);
      if (signers) {
        pack.signers = signers->persons;
        pack.threshold = signers->threshold;
      }
      const auto sound = policy::verifyListedPack(trust->root, fresh, out.document, listed, (*row)->envelope, deps_.clock.now());
      if (!sound) pack.problem = sound.error().text();
    }
    out.packs.push_back(std::move(pack));
  }
  return std::optional<ChannelView>(std::move(out));
}

}  // namespace ccp::policies
