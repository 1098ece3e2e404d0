#include "core/policies/drafts.hpp"

#include <set>

#include "core/crypto/dsse.hpp"
#include "core/policies/rules.hpp"

namespace ccp::policies {

Drafts::Drafts(db::Db& db, const Clock& clock, licensing::ChannelKeys& keys, std::string operator_pin)
    : db_(db), clock_(clock), keys_(keys), operator_pin_(std::move(operator_pin)) {}

Result<std::optional<Trust>> Drafts::trust(const std::string& set) const {
  CCP_TRY(const auto rows, db_.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::vector<RootRow>> { return repository::roots(tx, set); }));
  if (rows.empty()) return std::optional<Trust>();
  const bool pinned = set == policy::kOperatorSet && !operator_pin_.empty();
  Trust out;
  out.first_sha256 = sha256Hex(rows.front().envelope);
  CCP_TRY(out.root, policy::verifyPinnedRoot(rows.front().envelope, pinned ? operator_pin_ : out.first_sha256, set));
  out.sha256 = out.first_sha256;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    CCP_TRY(out.root, policy::verifyNextRoot(out.root, rows[i].envelope));
    out.sha256 = sha256Hex(rows[i].envelope);
  }
  return std::optional<Trust>(std::move(out));
}

Result<Trust> Drafts::requireTrust(const std::string& set) const {
  CCP_TRY(auto found, trust(set));
  if (!found) return fail(Errc::policy_root_missing, "The set " + set + " has no policy root.");
  CCP_CHECK_OK(policy::checkRootFresh(found->root, clock_.now()));
  return std::move(*found);
}

Result<Drafts::Live> Drafts::live(const std::string& set, policy::Channel channel) const {
  Live out;
  CCP_TRY(out.row, db_.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::optional<ChannelRow>> { return repository::newest(tx, set, channel); }));
  if (!out.row) return out;
  CCP_TRY(const auto envelope, crypto::parseDsse(out.row->envelope));
  CCP_TRY(out.document, policy::parseChannel(envelope.payload));
  // What is signed next hangs on this one: a row that was exchanged must not be carried on.
  if (out.document->org != set || out.document->channel != channel || out.document->version != out.row->version || sha256Hex(out.row->envelope) != out.row->sha256) {
    return fail(Errc::policy_hash_mismatch, "The stored document of the channel " + std::string(policy::toString(channel)) + " of " + set + " is not the one that was published.");
  }
  return out;
}

Result<std::string> Drafts::packEnvelope(const std::string& set, const std::string& sha256, const Overlay& overlay) const {
  if (const auto found = overlay.find(sha256); found != overlay.end()) return found->second;
  return db_.read(repository::scopeOf(set), [&](db::Tx& tx) -> Result<std::string> {
    auto row = repository::pack(tx, set, sha256);
    if (!row) return fail(Errc::not_found, "There is no policy pack " + sha256 + ".");
    return std::move(row->envelope);
  });
}

Result<Draft> Drafts::make(const Trust& trust, policy::Channel channel, const Live& live, std::vector<policy::ListedPack> packs,
                           std::vector<std::string> revoked, const Overlay& overlay) const {
  const Timestamp now = clock_.now();
  CCP_CHECK_OK(checkNotRevoked(packs, revoked));
  CCP_CHECK_OK(checkSetSize(trust.root.org, packs));
  const std::string role = std::string("channel.") + policy::toString(channel);
  const auto allowed = trust.root.roles.find(role);
  const auto signer = allowed == trust.root.roles.end() ? nullptr : keys_.channelSigner(allowed->second.keyids);
  if (!signer) {
    return fail(Errc::policy_key_unlisted, "The role " + role + " of the root (version " + std::to_string(trust.root.version) + ") of " + trust.root.org + " names no key of this server.");
  }
  Draft out;
  out.basis = live.row;
  out.document = nextDocument(trust.root.org, channel, live.document, live.row ? live.row->sha256 : "", std::move(packs), std::move(revoked), now);
  out.envelope = crypto::signDsse(policy::kPayloadChannel, policy::toText(out.document), {signer.get()});
  out.sha256 = sha256Hex(out.envelope);
  policy::TrustState fresh;
  fresh.org = trust.root.org;
  fresh.channel = channel;
  CCP_CHECK_OK(policy::verifyChannel(trust.root, fresh, channel, out.envelope, now));

  out.set.org = trust.root.org;
  out.set.channel = channel;
  out.set.version = out.document.version;
  out.set.sha256 = out.sha256;
  out.set.issued_at = out.document.issued_at;
  out.set.expires_at = out.document.expires_at;
  out.set.origin = policy::Origin::server;
  for (const auto& listed : out.document.packs) {
    CCP_TRY(const auto envelope, packEnvelope(trust.root.org, listed.sha256, overlay));
    CCP_TRY(auto document, policy::verifyListedPack(trust.root, fresh, out.document, listed, envelope, now));
    CCP_TRY(auto signers, policy::signersOf(trust.root, std::string("pack.") + policy::toString(channel), policy::kPayloadPack, envelope));
    out.set.packs.push_back({std::move(document), listed.sha256, std::move(signers.persons)});
  }
  return out;
}

Result<std::string> joinSignatures(const policy::RootDocument& root, const std::string& a, const std::string& b) {
  CCP_TRY(const auto first, crypto::parseDsse(a));
  CCP_TRY(const auto second, crypto::parseDsse(b));
  if (first.payload != second.payload || first.payload_type != second.payload_type) {
    return fail(Errc::internal, "signatures of two documents cannot be joined");
  }
  const std::string signed_bytes = crypto::dssePae(first.payload_type, first.payload);
  Json signatures = Json::array();
  std::set<std::string> seen;
  for (const auto* envelope : {&first, &second}) {
    for (const auto& signature : envelope->signatures) {
      const auto key = root.keys.find(signature.keyid);
      if (key == root.keys.end() || !crypto::verifySignature(key->second.key, bytesOf(signed_bytes), signature.signature)) continue;
      if (!seen.insert(signature.keyid).second) continue;
      signatures.push(Json::object({{"keyid", signature.keyid}, {"sig", base64Encode(signature.signature)}}));
    }
  }
  return Json::object({{"payloadType", first.payload_type}, {"payload", base64Encode(bytesOf(first.payload))}, {"signatures", std::move(signatures)}}).dump();
}

}  // namespace ccp::policies
