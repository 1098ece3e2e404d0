#include "core/licensing/keys.hpp"

#include <algorithm>

#include "core/base/log.hpp"
#include "core/licensing/repository.hpp"
#include "core/licensing/revocations.hpp"
#include "core/licensing/root_key.hpp"

namespace ccp::licensing {

using crypto::KeyState;
using crypto::KeyUse;

namespace {

constexpr Duration kResignRing = hours(1);

std::string sealContext(const std::string& kid) { return "signing_keys/" + kid; }

KeyLives livesOf(const config::Settings& settings) {
  const auto& l = settings.license;
  // A day above what can be presented: clocks differ, and a key in the ring costs nothing.
  // A channel key signs until the roots that list it have successors: those are made by people.
  return {.pack = l.pack_ttl + l.offline_grace + hours(24), .access = l.access_ttl + hours(24), .channel = hours(24 * 180)};
}

KeyInfo infoOf(const KeyRow& row) { return {row.kid, row.use, crypto::toString(row.state), row.not_before_at}; }

}  // namespace

KeyService::KeyService(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, crypto::MasterKey master,
                       crypto::SigningKey root)
    : db_(db), clock_(clock), random_(random), settings_(settings), master_(std::move(master)), root_(std::move(root)), lives_(livesOf(settings)) {}

Result<std::unique_ptr<KeyService>> KeyService::open(db::Db& db, const Clock& clock, Random& random, Metrics&, const config::Settings& settings) {
  CCP_TRY(auto master, crypto::MasterKey::load(settings.masterKeyFile(), settings.dev(), random));
  // The server's keys: rows of no organization.
  CCP_TRY(const bool has_root, db.read(db::Scope::system(), [](db::Tx& tx) -> Result<bool> {
    for (const auto& row : KeyRepository(tx).current()) {
      if (row.use == "root") return true;
    }
    return false;
  }));
  CCP_TRY(auto root, loadRootKey(settings.state_dir, master, random, !has_root));
  std::unique_ptr<KeyService> out(new KeyService(db, clock, random, settings, std::move(master), std::move(root)));
  CCP_CHECK_OK(out->claimRoot());
  CCP_CHECK_OK(out->tick());
  CCP_CHECK_OK(out->refresh());
  return out;
}

Status KeyService::claimRoot() {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    KeyRepository repository(tx);
    for (const auto& row : repository.current()) {
      if (row.use != "root") continue;
      if (row.kid == root_.publicKey().thumbprint()) return {};
      return fail(Errc::config_invalid, "The root key in " + settings_.state_dir + " (" + root_.publicKey().thumbprint() +
                                            ") is not the one that clients of this database trust (" + row.kid +
                                            "). Copy root.key and the master key from the node that made them.");
    }
    KeyRow row{root_.publicKey().thumbprint(), "root", KeyState::active, root_.publicKey(), "", tx.now(), tx.now(), std::nullopt, repository.ringVersion() + 1};
    repository.insert(row);
    return {};
  });
}

KeyRow KeyService::makeKey(KeyUse use, KeyState state, Timestamp now, Timestamp not_before) {
  const auto key = crypto::SigningKey::generate(random_);
  const std::string kid = key.publicKey().thumbprint();
  return {kid, crypto::toString(use), state, key.publicKey(), master_.seal(key.seed().view(), sealContext(kid), random_), now, not_before, std::nullopt, 0};
}

Status KeyService::applyPlan(db::Tx& tx) {
  KeyRepository repository(tx);
  const KeyPlan plan = planKeys(repository.current(), tx.now(), lives_);
  if (plan.empty()) return {};
  const std::int64_t version = repository.ringVersion() + 1;
  for (KeyRow row : plan.changed) {
    row.ring_version = version;
    repository.update(row);
    tx.audit({"", "system", std::string("key.") + crypto::toString(row.state), row.kid, {}, Json::object({{"use", row.use}}), ""});
  }
  const auto create = [&](KeyUse use, KeyState state, Timestamp not_before) {
    KeyRow row = makeKey(use, state, tx.now(), not_before);
    row.ring_version = version;
    repository.insert(row);
    tx.audit({"", "system", "key.create", row.kid, {}, Json::object({{"use", row.use}, {"state", crypto::toString(state)}}), ""});
  };
  // Nothing can sign for this use: the rule of publishing first cannot be kept.
  for (const auto use : plan.create_active) create(use, KeyState::active, tx.now());
  for (const auto use : plan.create_pending) create(use, KeyState::pending, tx.now() + kPublishAhead);
  return {};
}

Status KeyService::tick() {
  CCP_TRY(const bool needed, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
    return !planKeys(KeyRepository(tx).current(), tx.now(), lives_).empty();
  }));
  if (!needed) return {};
  CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) { return applyPlan(tx); }));
  return refresh();
}

Status KeyService::refresh() {
  const std::uint64_t started_ns = clock_.monotonicNs();
  struct Read {
    std::vector<KeyRow> rows;
    std::int64_t version = 0;
  };
  CCP_TRY(const auto read, db_.read(db::Scope::system(), [](db::Tx& tx) -> Result<Read> {
    KeyRepository repository(tx);
    return Read{repository.current(), repository.ringVersion()};
  }));
  const auto before = snapshot();
  auto next = std::make_shared<Snapshot>();
  next->ring.version = read.version;
  for (const auto& row : read.rows) {
    const auto use = crypto::keyUseFrom(row.use);
    if (!use) continue;
    if (row.state == KeyState::compromised) {
      next->ring.compromised.push_back(row.kid);
      continue;
    }
    next->ring.keys.push_back({row.kid, *use, row.state, row.key, row.not_before_at});
    if (row.sealed.empty() || (row.state == KeyState::retiring && *use != KeyUse::channel)) continue;
    if (before) {
      if (const auto it = before->signers.find(row.kid); it != before->signers.end()) {
        next->signers.insert(*it);
        continue;
      }
    }
    const auto seed = master_.open(row.sealed, sealContext(row.kid));
    auto key = seed ? crypto::SigningKey::fromSeed(seed->view()) : Result<crypto::SigningKey>(fail(seed.error()));
    if (!key || !(key->publicKey() == row.key)) {
      return fail(Errc::config_invalid, "The signing key " + row.kid + " does not open with this master key; every node needs the same master key file.");
    }
    next->signers.emplace(row.kid, std::make_shared<const crypto::SigningKey>(std::move(*key)));
  }
  const std::scoped_lock lock(mutex_);
  if (snapshot_ && snapshot_->ring.version > next->ring.version) return {};  // a slower reader
  snapshot_ = std::move(next);
  ring_version_.store(snapshot_->ring.version, std::memory_order_release);
  refreshed_ns_ = started_ns;
  return {};
}

Status KeyService::fresh() const {
  const std::uint64_t refreshed = refreshed_ns_.load();
  const auto age_ns = static_cast<std::int64_t>(clock_.monotonicNs() - refreshed);
  if (refreshed != 0 && age_ns <= std::chrono::duration_cast<std::chrono::nanoseconds>(kStaleAfter).count()) return {};
  Error error{Errc::stale_state, "This node has not read the signing keys for more than 45 seconds."};
  error.retry_after_s = 5;
  return fail(std::move(error));
}

std::shared_ptr<const KeyService::Snapshot> KeyService::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return snapshot_;
}

Result<KeyService::SigningKeyPtr> KeyService::signer(KeyUse use) const {
  const auto now_snapshot = snapshot();
  const auto* key = now_snapshot->ring.signingKey(use, clock_.now());
  const auto it = key ? now_snapshot->signers.find(key->kid) : now_snapshot->signers.end();
  if (it == now_snapshot->signers.end()) return fail(Errc::unavailable, std::string("No key can sign for the use ") + crypto::toString(use) + " now.");
  return it->second;
}

crypto::KeyLookup KeyService::verifier(KeyUse use) const {
  return [snapshot = snapshot(), use](std::string_view kid) { return snapshot->ring.verificationKey(use, kid); };
}

bool KeyService::learn(KeyUse use, std::string_view kid) {
  {
    const std::scoped_lock lock(mutex_);
    if (snapshot_->ring.verificationKey(use, kid)) return false;
    const std::uint64_t now_ns = clock_.monotonicNs();
    if (now_ns - std::max(refreshed_ns_.load(), learned_ns_) < 1'000'000'000) return false;
    learned_ns_ = now_ns;
  }
  return refresh().has_value();
}

std::shared_ptr<const KeyService::Published> KeyService::published() {
  const std::scoped_lock lock(mutex_);
  const Timestamp now = clock_.now();
  const auto& iss = settings_.server.public_url;
  if (published_ && published_version_ == snapshot_->ring.version && published_iss_ == iss && now < published_at_ + kResignRing) return published_;
  crypto::KeyRing ring = snapshot_->ring;
  ring.iss = iss;
  ring.issued_at = std::chrono::floor<std::chrono::seconds>(now);
  // As long as the newest pack may be used offline; not longer, so that a withheld ring helps nobody.
  ring.expires_at = ring.issued_at + lives_.pack;
  auto next = std::make_shared<Published>();
  next->text = crypto::signKeyRing(ring, root_);
  next->json = *parseJson(next->text);  // we wrote it
  published_ = std::move(next);
  published_version_ = ring.version;
  published_iss_ = iss;
  published_at_ = now;
  return published_;
}

Json KeyService::jwks() const { return snapshot()->ring.jwks(); }

std::vector<KeyInfo> KeyService::keys() {
  const auto now_snapshot = snapshot();
  std::vector<KeyInfo> out;
  for (const auto& key : now_snapshot->ring.keys) out.push_back({key.kid, crypto::toString(key.use), crypto::toString(key.state), key.not_before_at});
  return out;
}

std::vector<ChannelKey> KeyService::channelKeys() {
  const auto now_snapshot = snapshot();
  const auto* signing = now_snapshot->ring.signingKey(KeyUse::channel, clock_.now());
  std::vector<ChannelKey> out;
  for (const auto& key : now_snapshot->ring.keys) {
    if (key.use == KeyUse::channel) out.push_back({key.kid, key.key, crypto::toString(key.state), key.not_before_at});
  }
  std::stable_sort(out.begin(), out.end(), [&](const ChannelKey& a, const ChannelKey& b) {
    const bool a_signs = signing && a.kid == signing->kid, b_signs = signing && b.kid == signing->kid;
    return a_signs != b_signs ? a_signs : a.not_before_at > b.not_before_at;
  });
  return out;
}

KeyService::SigningKeyPtr KeyService::channelSigner(const std::vector<std::string>& kids) {
  const auto now_snapshot = snapshot();
  for (const auto& key : channelKeys()) {
    const auto signer = now_snapshot->signers.find(key.kid);
    if (signer != now_snapshot->signers.end() && std::find(kids.begin(), kids.end(), key.kid) != kids.end()) return signer->second;
  }
  return nullptr;
}

Result<KeyInfo> KeyService::rotate(const std::string& use_text, const std::string& actor) {
  const auto use = crypto::keyUseFrom(use_text);
  if (!use) {
    Error error{Errc::validation_failed, "use must be pack, access or channel."};
    error.fields.push_back({"/use", "enum"});
    return fail(std::move(error));
  }
  auto info = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<KeyInfo> {
    KeyRepository repository(tx);
    for (const auto& row : repository.current()) {
      if (row.use == use_text && row.state == KeyState::pending && row.not_before_at > tx.now()) return infoOf(row);
    }
    KeyRow row = makeKey(*use, KeyState::pending, tx.now(), tx.now() + kPublishAhead);
    row.ring_version = repository.ringVersion() + 1;
    repository.insert(row);
    tx.audit({"", actor, "key.rotate", row.kid, {}, Json::object({{"use", use_text}, {"not_before_at", formatRfc3339(row.not_before_at)}}), ""});
    return infoOf(row);
  });
  if (info) CCP_CHECK_OK(refresh());
  return info;
}

Status KeyService::compromise(const std::string& kid, const std::string& reason, const std::string& actor) {
  CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    KeyRepository repository(tx);
    auto row = repository.byKid(kid);
    if (!row || row->use == "root") return fail(Errc::not_found, "There is no signing key " + kid.substr(0, 64) + ".");
    if (row->state == KeyState::compromised) return {};
    const std::string before = crypto::toString(row->state);
    row->state = KeyState::compromised;
    row->sealed.clear();
    row->ring_version = repository.ringVersion() + 1;
    repository.update(*row);
    tx.audit({"", actor, "key.compromise", kid, Json::object({{"state", before}}), Json::object({{"use", row->use}}), reason});
    // Everything that this key signed is void: clients fetch new packs at their next sync, because the
    // version of every license goes up.
    if (row->use == crypto::toString(KeyUse::pack)) LicenseRepository(tx).bumpAllVersions();
    // A pending key takes over at once rather than in its own time.
    for (auto candidate : repository.current()) {
      if (candidate.use != row->use || candidate.state != KeyState::pending || candidate.not_before_at <= tx.now() || before == "retiring") continue;
      candidate.not_before_at = tx.now();
      candidate.state = KeyState::active;
      candidate.ring_version = row->ring_version;
      repository.update(candidate);
    }
    return applyPlan(tx);
  }));
  log::warn("key_compromised", {{"kid", kid}, {"actor", actor}});
  return refresh();
}

}  // namespace ccp::licensing
