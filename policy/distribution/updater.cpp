#include "policy/distribution/updater.hpp"

#include <algorithm>
#include <functional>

#include "core/base/encoding.hpp"
#include "core/base/fault.hpp"
#include "policy/distribution/cache.hpp"

namespace ccp::policy {
namespace {

constexpr Duration kCap = seconds(30);
constexpr std::int64_t kMaxRoots = 256;  // new ones in one fetch
constexpr std::size_t kMaxBad = 256;

constexpr std::uint64_t nanos(Duration d) noexcept { return d.count() <= 0 ? 0 : static_cast<std::uint64_t>(d.count()) * 1000; }

/// What two processes, or memory and disk, learned of the same set: the more cautious of both.
TrustState merged(TrustState a, const TrustState& b) {
  if (a.root_pin.empty()) a.root_pin = b.root_pin;
  if (b.root_pin != a.root_pin) return a;
  if (b.root_version > a.root_version) {
    a.root_version = b.root_version;
    a.root_sha256 = b.root_sha256;
  }
  if (b.channel_version > a.channel_version) {
    a.channel_version = b.channel_version;
    a.channel_sha256 = b.channel_sha256;
    a.channel_keys = b.channel_keys;
  }
  for (const auto& [name, pack] : b.packs) {
    auto& mine = a.packs[name];
    if (pack.first > mine.first) mine = pack;
  }
  a.bad.insert(b.bad.begin(), b.bad.end());
  a.revoked.insert(b.revoked.begin(), b.revoked.end());
  a.last_trusted_time = std::max(a.last_trusted_time, b.last_trusted_time);
  return a;
}

}  // namespace

struct Updater::Impl {
  using PackBytes = std::function<Result<std::string>(const ListedPack&)>;
  struct Fetched {
    std::string channel;
    std::map<std::string, std::string> packs;  // envelope by digest of the payload
  };
  struct Chain {
    std::map<std::int64_t, std::string> envelopes;  // verified, from the pinned one on
    std::optional<RootDocument> newest;
  };

  Impl(Options o, Source& s, const Clock& c) : options(std::move(o)), source(s), clock(c), cache(options.folder) { state = blank(); }

  TrustState blank() const {
    TrustState out;
    out.org = options.org;
    out.channel = options.channel;
    out.root_pin = options.root_pin;
    return out;
  }

  /// What the disk says, once verified, beside what this process knows. Under the lock.
  void load() {
    const auto disk = cache.readState();
    known = disk.has_value();
    TrustState learned = blank();
    slots = {};
    if (disk) {
      slots = disk->second;
      const auto& trust = disk->first;
      if (trust.org == options.org && trust.channel == options.channel) {
        // Another pin is a person's decision to begin anew; only time does not go back.
        if (options.root_pin.empty() || trust.root_pin == options.root_pin) learned = trust;
        learned.last_trusted_time = trust.last_trusted_time;
      }
    }
    state = merged(std::move(learned), state);
    loadChain();
    if (!chain.newest) return;
    // Whoever removes state.json does not take what the envelopes themselves prove.
    for (const auto& [sha256, text] : cache.channels()) {
      const auto document = verifyChannel(*chain.newest, blank(), options.channel, text, clock.now(), Freshness::cached);
      if (!document) continue;
      const bool newer = document->version > state.channel_version || rotated(state, *chain.newest, options.channel);
      if (newer) state = advanced(*document, text);
    }
  }

  void loadChain() {
    const auto stored = cache.roots();
    Chain found;
    for (const auto& [version, text] : stored) {
      if (state.root_pin.empty() && options.channel != Channel::dev) break;
      const auto pin = state.root_pin.empty() ? sha256Hex(text) : state.root_pin;
      auto root = verifyPinnedRoot(text, pin, options.org);
      if (!root || root->version != version) continue;
      found.newest = std::move(*root);
      found.envelopes.emplace(version, text);
      state.root_pin = pin;
      break;
    }
    while (found.newest) {
      const auto next = stored.find(found.newest->version + 1);
      if (next == stored.end()) break;
      auto root = verifyNextRoot(*found.newest, next->second);
      if (!root) break;  // fetched again
      found.newest = std::move(*root);
      found.envelopes.emplace(next->first, next->second);
    }
    if (found.newest && (!chain.newest || found.newest->version > chain.newest->version)) chain = std::move(found);
  }

  TrustState advanced(const ChannelDocument& document, std::string_view envelope) const {
    auto out = advance(state, *chain.newest, chain.envelopes.rbegin()->second, document, envelope, clock.now());
    // The lists of the newest root that was seen bind, even while only an older one is at hand.
    out.root_version = std::max(out.root_version, state.root_version);
    return out;
  }

  /// No keys of an older root, when a newer one was seen.
  Status requireNewestRoot() const {
    if (chain.newest->version >= state.root_version) return {};
    return fail(Errc::policy_rollback, "The newest root that can be had has version " + std::to_string(chain.newest->version) +
                                           ", and version " + std::to_string(state.root_version) + " was seen.");
  }

  Result<VerifiedSet> build(const ChannelDocument& document, const std::string& sha256, Origin origin, Freshness freshness,
                            const PackBytes& bytes) const {
    VerifiedSet out;
    out.org = options.org;
    out.channel = options.channel;
    out.version = document.version;
    out.sha256 = sha256;
    out.issued_at = document.issued_at;
    out.expires_at = std::min(document.expires_at, chain.newest->expires_at);
    out.origin = origin;
    for (const auto& listed : document.packs) {
      CCP_TRY(const auto envelope, bytes(listed));
      Signers signers;
      CCP_TRY(auto pack, verifyListedPack(*chain.newest, state, document, listed, envelope, clock.now(), freshness, &signers));
      out.expires_at = std::min(out.expires_at, pack.expires_at);
      out.packs.push_back({std::move(pack), listed.sha256, std::move(signers.persons)});
    }
    return out;
  }

  Result<std::string> cachedPack(const ListedPack& listed) const {
    auto text = cache.pack(listed.sha256, transferCap(listed.size));
    if (!text) return fail(Errc::data_loss, "The pack " + listed.name + " is not in the cache.");
    return std::move(*text);
  }

  // fromCache ---------------------------------------------------------------

  Result<VerifiedSet> fromCache() {
    CCP_TRY(const auto lock, cache.lock());
    load();
    const auto channels = cache.channels();
    if (channels.empty() && slots.active.empty()) return fail(Errc::not_found, "The cache " + options.folder + " is empty.");
    if (!chain.newest) {
      return fail(Errc::policy_pin_mismatch, "The cache " + options.folder + " has no root that begins at the pinned one.");
    }
    CCP_CHECK_OK(requireNewestRoot());
    std::vector<std::string> order{slots.active, slots.previous};
    std::map<std::string, ChannelDocument> documents;
    for (const auto& [sha256, text] : channels) {
      auto document = verifyChannel(*chain.newest, state, options.channel, text, clock.now(), Freshness::cached);
      if (document) documents.emplace(sha256, std::move(*document));
    }
    if (slots.active.empty()) {
      order.clear();
      for (const auto& [sha256, document] : documents) order.push_back(sha256);
      std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) { return documents.at(a).version > documents.at(b).version; });
    }
    std::optional<Error> first;
    for (const auto& sha256 : order) {
      if (sha256.empty() || state.bad.contains(sha256)) continue;
      auto set = cachedSet(sha256, channels, documents);
      if (set) {
        running = set->sha256;
        judged_root = chain.newest->version;
        if (!known) (void)cache.writeState(state, slots = {running, "", ""});
        return set;
      }
      if (!first) first = std::move(set).error();
    }
    if (!first) first = Error{Errc::not_found, "The cache " + options.folder + " has nothing that runs.", {}};
    return fail(std::move(*first));
  }

  Result<VerifiedSet> cachedSet(const std::string& sha256, const std::map<std::string, std::string>& channels,
                                const std::map<std::string, ChannelDocument>& documents) const {
    const auto text = channels.find(sha256);
    if (text == channels.end()) {
      return fail(Errc::policy_hash_mismatch, "The channel document " + sha256 + " is missing in the cache, or was changed.");
    }
    const auto document = documents.find(sha256);
    if (document == documents.end()) {
      auto why = verifyChannel(*chain.newest, state, options.channel, text->second, clock.now(), Freshness::cached);
      return fail(why ? Error{Errc::internal, "", {}} : std::move(why).error());
    }
    // What any document that we have revokes, is revoked in all of them, whatever the state has forgotten.
    for (const auto& listed : document->second.packs) {
      for (const auto& [other, later] : documents) {
        if (std::find(later.revoked.begin(), later.revoked.end(), listed.sha256) != later.revoked.end()) {
          return fail(Errc::policy_revoked, "The pack " + listed.name + " in the cache has been revoked.");
        }
      }
    }
    return build(document->second, sha256, Origin::cache, Freshness::cached, [this](const ListedPack& listed) { return cachedPack(listed); });
  }

  // fetch -------------------------------------------------------------------

  Status inTime(const Deadline& deadline) const {
    if (!deadline.expired(clock)) return {};
    return fail(Errc::deadline_exceeded, "The source of policies takes longer than " + formatDuration(kCap) + ".");
  }

  /// The first root: the pinned one, wherever in the chain it stands.
  Status firstRoot(const Deadline& deadline) {
    if (state.root_pin.empty() && options.channel == Channel::prod) {
      return fail(Errc::policy_pin_mismatch, "No root is pinned, and prod trusts none that it happens to meet: set policy.root_sha256.");
    }
    std::optional<Error> why;
    for (std::int64_t version = 1; version <= kMaxRoots; ++version) {
      CCP_TRY(const auto text, source.root(options.org, version, deadline));
      CCP_CHECK_OK(inTime(deadline));
      if (!text) break;
      const auto pin = state.root_pin.empty() ? sha256Hex(*text) : state.root_pin;
      auto root = verifyPinnedRoot(*text, pin, options.org);
      if (root) {
        state.root_pin = pin;
        chain.envelopes = {{root->version, *text}};
        chain.newest = std::move(*root);
        return {};
      }
      const bool other = root.error().code == Errc::policy_pin_mismatch;
      if (!why || !other) why = std::move(root).error();
      if (!other) break;
    }
    if (why) return fail(std::move(*why));
    return fail(Errc::policy_root_missing, "The source has no root of " + options.org + ".");
  }

  /// Step by step to the newest; true when there was a new one.
  Result<bool> updateRoots(const Deadline& deadline) {
    bool changed = false;
    if (!chain.newest) {
      CCP_CHECK_OK(firstRoot(deadline));
      changed = true;
    }
    for (std::int64_t steps = 0;; ++steps) {
      CCP_TRY(const auto text, source.root(options.org, chain.newest->version + 1, deadline));
      CCP_CHECK_OK(inTime(deadline));
      if (!text) return changed;
      if (steps == kMaxRoots) {
        return fail(Errc::policy_root_order, "More than " + std::to_string(kMaxRoots) + " new roots at once; the next attempt goes on from there.");
      }
      CCP_TRY(auto next, verifyNextRoot(*chain.newest, *text));
      chain.envelopes.emplace(next.version, *text);
      chain.newest = std::move(next);
      changed = true;
    }
  }

  void rememberRoots() {
    if (!chain.newest) return;
    state.root_version = std::max(state.root_version, chain.newest->version);
    state.root_sha256 = sha256Hex(chain.envelopes.rbegin()->second);
    written = writeAll();
  }

  Result<std::optional<VerifiedSet>> fetch(Duration wait) {
    // Twice at most: when another process was faster, what it learned counts.
    for (int attempt = 0;; ++attempt) {
      bool overtaken = false;
      auto set = fetchOnce(attempt == 0 ? wait : Duration{}, overtaken);
      if (!overtaken || attempt == 1) return set;
    }
  }

  Result<std::optional<VerifiedSet>> fetchOnce(Duration wait, bool& overtaken) {
    {
      const auto lock = cache.lock();
      if (lock) load();
    }
    const auto before = clock.monotonicNs();
    const auto deadline = Deadline::after(clock, kCap);
    const auto roots = updateRoots(deadline);
    if (chain.newest && chain.newest->version > state.root_version) rememberRoots();
    if (!roots) return fail(roots.error());
    CCP_CHECK_OK(requireNewestRoot());
    CCP_CHECK_OK(checkRootFresh(*chain.newest, trustedNow(state, *chain.newest, clock.now())));

    // Under a new root everything is asked for and judged again. What failed is waited out as what runs is.
    const bool failed_here = state.bad.contains(state.channel_sha256);
    const std::string etag = judged_root != chain.newest->version ? "" : failed_here ? state.channel_sha256 : running;
    if (etag.empty()) wait = {};
    const auto asked = clock.monotonicNs();
    const auto left = kCap - Duration(static_cast<std::int64_t>((asked - before) / 1000));
    CCP_TRY(const auto envelope, source.channel(options.org, options.channel, etag, wait));
    CCP_CHECK_OK(inTime(Deadline::atMonotonicNs(asked + nanos(wait + left))));
    const auto packs_by = Deadline::atMonotonicNs(std::min(clock.monotonicNs(), asked + nanos(wait)) + nanos(left));
    if (!envelope) {
      if (etag.empty()) return fail(Errc::provider_error, "The source says that the channel document is unchanged, and none was had from it.");
      passTime();
      return std::optional<VerifiedSet>();
    }
    auto verified = verifyChannel(*chain.newest, state, options.channel, *envelope, clock.now());
    if (!verified) {
      overtaken = verified.error().code == Errc::policy_rollback && diskIsAhead();
      return fail(std::move(verified).error());
    }
    const auto sha256 = sha256Hex(*envelope);
    if (state.bad.contains(sha256)) {
      judged_root = chain.newest->version;
      return std::optional<VerifiedSet>();
    }
    Fetched got{*envelope, {}};
    auto set = build(*verified, sha256, options.origin, Freshness::required,
                     [&](const ListedPack& listed) { return packFor(*verified, listed, packs_by, got); });
    if (!set) return fail(std::move(set).error());
    if (const auto status = store(*verified, std::move(got), overtaken); !status) return fail(status.error());
    judged_root = chain.newest->version;
    if (sha256 == running) return std::optional<VerifiedSet>();
    return std::optional(std::move(*set));
  }

  Result<std::string> packFor(const ChannelDocument& document, const ListedPack& listed, const Deadline& deadline, Fetched& got) {
    const auto cap = transferCap(listed.size);
    // From the cache if it is good for this root; else anew: signatures may have been added since.
    if (auto cached = cache.pack(listed.sha256, cap);
        cached && verifyListedPack(*chain.newest, state, document, listed, *cached, clock.now())) {
      got.packs.emplace(listed.sha256, *cached);
      return std::move(*cached);
    }
    if (state.bad.contains(listed.sha256)) {
      return fail(Errc::policy_refused_before, "The pack " + listed.name + " of version " + std::to_string(listed.version) + " did not work out here.");
    }
    CCP_TRY(auto text, source.pack(options.org, listed.sha256, cap, deadline));
    CCP_CHECK_OK(inTime(deadline));
    got.packs.emplace(listed.sha256, text);
    return text;
  }

  /// The set was verified as a whole: from here on nothing older is believed, whether or not it will run.
  Status store(const ChannelDocument& document, Fetched got, bool& overtaken) {
    const auto lock = cache.lock();
    if (lock) {
      const auto disk = cache.readState();
      const bool ahead = disk && disk->first.root_pin == state.root_pin && disk->first.channel_version > document.version &&
                         !rotated(disk->first, *chain.newest, options.channel);
      if (ahead) {
        overtaken = true;
        return fail(Errc::policy_rollback, "Another process has seen version " + std::to_string(disk->first.channel_version) + ".");
      }
      if (disk) {
        slots = disk->second;
        state.bad.insert(disk->first.bad.begin(), disk->first.bad.end());
      }
    }
    const auto sha256 = sha256Hex(got.channel);
    state = advanced(document, got.channel);
    pending = std::move(got);
    if (slots.active != sha256) slots.candidate = sha256;
    written = lock ? writeUnlocked() : Status(tl::unexpected<Error>(lock.error()));
    return {};
  }

  bool diskIsAhead() {
    const auto disk = cache.readState();
    return disk && disk->first.root_pin == state.root_pin && disk->first.channel_version > state.channel_version;
  }

  /// Time was trusted once; written at most every ten minutes.
  void passTime() {
    const auto now = trustedNow(state, clock.now());
    if (now - state.last_trusted_time < minutes(10)) return;
    state.last_trusted_time = now;
    written = writeAll();
  }

  // Writing -----------------------------------------------------------------

  Status writeAll() {
    CCP_TRY(const auto lock, cache.lock());
    return writeUnlocked();
  }

  /// What is referred to before what refers to it: a process killed anywhere leaves a cache that is whole.
  Status writeUnlocked() {
    const auto stored = cache.roots();
    for (const auto& [version, text] : chain.envelopes) {
      const auto there = stored.find(version);
      if (there == stored.end() || there->second != text) CCP_CHECK_OK(cache.writeRoot(version, text));
    }
    if (pending) {
      for (const auto& [sha256, text] : pending->packs) CCP_CHECK_OK(cache.writePack(sha256, text));
      CCP_CHECK_OK(cache.writeChannel(pending->channel));
    }
    return cache.writeState(state, slots);
  }

  void sweep() {
    if (!chain.newest) return;
    std::set<std::string> keep{slots.active, slots.previous, slots.candidate};
    std::set<std::string> packs;
    for (const auto& sha256 : keep) packs.merge(packsOf(sha256));
    cache.sweep(chain.envelopes.begin()->first, chain.envelopes.rbegin()->first, keep, packs);
  }

  Status confirm(const VerifiedSet& set) {
    if (set.version == 0) return {};
    running = set.sha256;
    CCP_TRY(const auto lock, cache.lock());
    if (const auto disk = cache.readState()) {
      slots = disk->second;
      state = merged(std::move(state), disk->first);
    }
    // What another process confirmed meanwhile may be newer: then this one stays behind it.
    const auto active = stored(slots.active);
    const bool news = slots.active != set.sha256 && (!active || active->version < set.version || state.bad.contains(slots.active));
    if (!news && !pending && written) return {};
    if (news) {
      if (active) slots.previous = slots.active;
      slots.active = set.sha256;
    }
    if (slots.candidate == set.sha256) slots.candidate.clear();
    written = writeUnlocked();
    CCP_CHECK_OK(Status(written));
    pending.reset();
    faultPoint("policy.cache.confirmed");
    sweep();
    return {};
  }

  Status reject(const VerifiedSet& set, Refuse refuse) {
    if (set.version == 0) return {};
    const auto lock = cache.lock();
    if (lock) {
      if (const auto disk = cache.readState()) {
        slots = disk->second;
        state = merged(std::move(state), disk->first);
      }
    }
    remember(set.sha256);
    if (slots.candidate == set.sha256) slots.candidate.clear();
    if (slots.active == set.sha256) {
      slots.active = slots.previous;
      slots.previous.clear();
    }
    if (running == set.sha256) running = slots.active;
    if (refuse == Refuse::packs) {
      const auto good = packsOf(slots.active);
      for (const auto& pack : set.packs) {
        if (!good.contains(pack.sha256)) remember(pack.sha256);
      }
    }
    pending.reset();
    if (!lock) return fail(lock.error());
    written = writeUnlocked();
    return written;
  }

  void remember(const std::string& sha256) {
    while (state.bad.size() >= kMaxBad) state.bad.erase(state.bad.begin());
    state.bad.insert(sha256);
  }

  /// A channel document of the cache, if the newest root still proves it.
  std::optional<ChannelDocument> stored(const std::string& sha256) const {
    const auto channels = cache.channels();
    const auto text = channels.find(sha256);
    if (text == channels.end() || !chain.newest) return std::nullopt;
    auto document = verifyChannel(*chain.newest, blank(), options.channel, text->second, clock.now(), Freshness::cached);
    return document ? std::optional(std::move(*document)) : std::nullopt;
  }

  std::set<std::string> packsOf(const std::string& sha256) const {
    std::set<std::string> out;
    if (const auto document = stored(sha256)) {
      for (const auto& listed : document->packs) out.insert(listed.sha256);
    }
    return out;
  }

  Options options;
  Source& source;
  const Clock& clock;
  Cache cache;
  TrustState state;
  Slots slots;
  Chain chain;
  bool known = false;       // state.json was there
  std::string running;      // digest of the channel envelope that this process runs
  std::int64_t judged_root = 0;    // the root under which the newest document was judged
  std::optional<Fetched> pending;  // neither confirmed nor rejected
  Status written;
};

Updater::Updater(Options options, Source& source, const Clock& clock) : impl_(std::make_unique<Impl>(std::move(options), source, clock)) {}
Updater::~Updater() = default;
Result<VerifiedSet> Updater::fromCache() { return impl_->fromCache(); }
Result<std::optional<VerifiedSet>> Updater::fetch(Duration wait) { return impl_->fetch(wait); }
Status Updater::confirm(const VerifiedSet& set) { return impl_->confirm(set); }
Status Updater::reject(const VerifiedSet& set, Refuse refuse) { return impl_->reject(set, refuse); }
const TrustState& Updater::state() const noexcept { return impl_->state; }
const RootDocument* Updater::root() const noexcept { return impl_->chain.newest ? &*impl_->chain.newest : nullptr; }

}  // namespace ccp::policy
