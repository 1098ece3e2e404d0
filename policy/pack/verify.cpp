#include "policy/pack/verify.hpp"

#include <algorithm>

#include "core/crypto/dsse.hpp"

namespace ccp::policy {
namespace {

constexpr std::int64_t kMaxStep = 1000;

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 128)) + "\""; }

Result<crypto::DsseEnvelope> openEnvelope(std::string_view envelope, std::string_view payload_type) {
  if (envelope.size() > transferCap(kMaxDocumentBytes)) {
    return fail(Errc::policy_too_large, "The envelope has " + std::to_string(envelope.size()) + " bytes.");
  }
  auto parsed = crypto::parseDsse(envelope);
  if (!parsed) return fail(Errc::policy_document_invalid, "It is no whole signed envelope: " + parsed.error().detail);
  if (parsed->payload_type != payload_type) {
    return fail(Errc::policy_wrong_type, "It is a document of the type " + quoted(parsed->payload_type) + ", not " + quoted(payload_type) + ".");
  }
  return parsed;
}

Result<Signers> countSigners(const RootDocument& root, std::string_view role_name, const crypto::DsseEnvelope& envelope) {
  const auto role = root.roles.find(std::string(role_name));
  if (role == root.roles.end()) return fail(Errc::policy_signature_invalid, "The root has no role " + quoted(role_name) + ".");
  Signers out;
  out.threshold = std::max(role->second.threshold, 1);
  const std::string signed_bytes = crypto::dssePae(envelope.payload_type, envelope.payload);
  std::set<std::string> persons, unknown;
  for (const auto& signature : envelope.signatures) {
    const auto& ids = role->second.keyids;
    const auto key = root.keys.find(signature.keyid);
    if (key == root.keys.end() || std::find(ids.begin(), ids.end(), signature.keyid) == ids.end()) {
      unknown.insert(signature.keyid);
      continue;
    }
    if (crypto::verifySignature(key->second.key, bytesOf(signed_bytes), signature.signature)) persons.insert(key->second.person);
  }
  out.persons.assign(persons.begin(), persons.end());
  out.unknown_keys.assign(unknown.begin(), unknown.end());
  return out;
}

/// A person counts once, with however many keys and however often.
Status requireRole(const RootDocument& root, std::string_view role, const crypto::DsseEnvelope& envelope, Signers* who = nullptr) {
  CCP_TRY(const auto signers, countSigners(root, role, envelope));
  if (who) *who = signers;
  if (signers.met()) return {};
  const std::string of = " of the role " + std::string(role) + " (root version " + std::to_string(root.version) + ")";
  if (signers.persons.empty()) {
    const bool foreign = signers.unknown_keys.size() == envelope.signatures.size();
    return fail(Errc::policy_signature_invalid,
                foreign ? "None of its signatures is by a key" + of + "." : "No signature by a key" + of + " is valid.");
  }
  std::string names;
  for (const auto& person : signers.persons) names += (names.empty() ? "" : ", ") + person;
  return fail(Errc::policy_threshold_not_met, std::to_string(signers.persons.size()) + " of " + std::to_string(signers.threshold) +
                                                  " people" + of + " have signed: " + names + ".");
}

Status requireOrg(std::string_view is, std::string_view should) {
  if (is == should) return {};
  return fail(Errc::policy_wrong_org, "It is of " + quoted(is) + ", not of " + quoted(should) + ".");
}

Status requireFresh(std::string_view what, Timestamp expires_at, Timestamp now) {
  if (now < expires_at) return {};
  return fail(Errc::policy_expired, std::string(what) + " expired at " + formatRfc3339(expires_at) + "; it is " + formatRfc3339(now) + ".");
}

Status requireEngine(int min, int max) {
  if (kPolicyApi >= min && kPolicyApi <= max) return {};
  return fail(Errc::policy_engine_mismatch, "It needs policy API " + std::to_string(min) + (max == min ? "" : " to " + std::to_string(max)) +
                                                "; this version of CCP has " + std::to_string(kPolicyApi) + ".");
}

std::string roleOf(std::string_view kind, Channel channel) { return std::string(kind) + "." + toString(channel); }

bool isRevoked(const ChannelDocument& channel, const std::string& sha256) {
  return std::find(channel.revoked.begin(), channel.revoked.end(), sha256) != channel.revoked.end();
}

Status checkOrder(const RootDocument& root, const TrustState& state, const ChannelDocument& document, const std::string& sha256) {
  if (state.channel_version == 0 || rotated(state, root, document.channel)) return {};
  const auto seen = state.channel_version;
  const std::string offered = "It has version " + std::to_string(document.version);
  if (document.version < seen) {
    return fail(Errc::policy_rollback, offered + ", and version " + std::to_string(seen) + " was seen.");
  }
  if (document.version == seen && sha256 != state.channel_sha256) {
    return fail(Errc::policy_equivocation, offered + " as one that was seen, and is not that one.");
  }
  if (document.version - seen > kMaxStep) {
    return fail(Errc::policy_fast_forward, offered + ", " + std::to_string(document.version - seen) + " more than what was seen.");
  }
  if (document.version == seen + 1 && document.prev != state.channel_sha256) {
    return fail(Errc::policy_equivocation, "It does not follow the version " + std::to_string(seen) + " that was seen, but another one.");
  }
  return {};
}

Result<PackDocument> acceptPack(const RootDocument& root, Channel channel, const crypto::DsseEnvelope& envelope, Timestamp now,
                                Freshness freshness, Signers* signers = nullptr) {
  CCP_CHECK_OK(requireRole(root, roleOf("pack", channel), envelope, signers));
  CCP_TRY(auto pack, parsePack(envelope.payload));
  CCP_CHECK_OK(requireOrg(pack.org, root.org));
  if (std::find(pack.channels.begin(), pack.channels.end(), channel) == pack.channels.end()) {
    return fail(Errc::policy_wrong_channel, "The pack " + pack.name + " is not made for the channel " + toString(channel) + ".");
  }
  CCP_CHECK_OK(requireEngine(pack.engine_min, pack.engine_max));
  if (freshness == Freshness::required) CCP_CHECK_OK(requireFresh("The pack " + pack.name, pack.expires_at, now));
  return pack;
}

std::string joined(std::vector<std::string> ids) {
  std::sort(ids.begin(), ids.end());
  std::string out;
  for (const auto& id : ids) out += (out.empty() ? "" : ",") + id;
  return out;
}

}  // namespace

bool rotated(const TrustState& state, const RootDocument& root, Channel channel) {
  if (state.channel_keys.empty()) return false;
  const auto role = root.roles.find(roleOf("channel", channel));
  if (role == root.roles.end()) return false;
  // Counted by person, as thresholds are: could those whose keys remain still sign by themselves?
  std::set<std::string> remaining;
  const std::string known = "," + state.channel_keys + ",";
  for (const auto& id : role->second.keyids) {
    const auto key = root.keys.find(id);
    if (key != root.keys.end() && known.find("," + id + ",") != std::string::npos) remaining.insert(key->second.person);
  }
  return remaining.size() < static_cast<std::size_t>(std::max(role->second.threshold, 1));
}

Timestamp trustedNow(const TrustState& state, Timestamp now) { return std::max(state.last_trusted_time, now); }

Timestamp trustedNow(const TrustState& state, const RootDocument& root, Timestamp now) {
  return rotated(state, root, state.channel) ? now : trustedNow(state, now);
}

Result<RootDocument> verifyPinnedRoot(std::string_view envelope, std::string_view pin_sha256, std::string_view org) {
  const std::string digest = sha256Hex(envelope);
  if (digest != pin_sha256) {
    return fail(Errc::policy_pin_mismatch, "Its SHA-256 is " + digest + ", and " + quoted(pin_sha256) + " is pinned.");
  }
  CCP_TRY(const auto opened, openEnvelope(envelope, kPayloadRoot));
  CCP_TRY(auto root, parseRoot(opened.payload));
  CCP_CHECK_OK(requireOrg(root.org, org));
  CCP_CHECK_OK(requireRole(root, "root", opened));
  return root;
}

Result<RootDocument> verifyNextRoot(const RootDocument& current, std::string_view envelope) {
  CCP_TRY(const auto opened, openEnvelope(envelope, kPayloadRoot));
  CCP_CHECK_OK(requireRole(current, "root", opened));
  CCP_TRY(auto next, parseRoot(opened.payload));
  CCP_CHECK_OK(requireOrg(next.org, current.org));
  if (next.version != current.version + 1) {
    return fail(Errc::policy_root_order,
                "It has version " + std::to_string(next.version) + ", and " + std::to_string(current.version + 1) + " is next.");
  }
  CCP_CHECK_OK(requireRole(next, "root", opened));
  return next;
}

Status checkRootFresh(const RootDocument& root, Timestamp now) {
  return requireFresh("The root of version " + std::to_string(root.version), root.expires_at, now);
}

Result<ChannelDocument> verifyChannel(const RootDocument& root, const TrustState& state, Channel channel, std::string_view envelope,
                                      Timestamp now, Freshness freshness) {
  const bool fresh = freshness == Freshness::required;
  const Timestamp trusted_now = trustedNow(state, root, now);
  if (fresh) CCP_CHECK_OK(checkRootFresh(root, trusted_now));
  CCP_TRY(const auto opened, openEnvelope(envelope, kPayloadChannel));
  // The role is the channel's: what the dev key signed is no prod document, whatever stands in it.
  CCP_CHECK_OK(requireRole(root, roleOf("channel", channel), opened));
  CCP_TRY(auto document, parseChannel(opened.payload));
  CCP_CHECK_OK(requireOrg(document.org, root.org));
  if (document.channel != channel) {
    return fail(Errc::policy_wrong_channel,
                "It is for the channel " + std::string(toString(document.channel)) + ", not " + toString(channel) + ".");
  }
  CCP_CHECK_OK(requireEngine(document.min_engine, std::max(document.min_engine, kPolicyApi)));
  const std::string sha256 = sha256Hex(envelope);
  if (fresh) {
    CCP_CHECK_OK(checkOrder(root, state, document, sha256));
    CCP_CHECK_OK(requireFresh("The channel document", document.expires_at, trusted_now));
  } else if (document.version == state.channel_version && sha256 != state.channel_sha256 && !rotated(state, root, channel)) {
    return fail(Errc::policy_equivocation, "It is not the version " + std::to_string(document.version) + " that was seen.");
  }
  for (const auto& pack : document.packs) {
    if (isRevoked(document, pack.sha256)) {
      return fail(Errc::policy_revoked, "The channel lists " + pack.name + " and revokes it.");
    }
    if (state.revoked.contains(pack.sha256) && !rotated(state, root, channel)) {
      return fail(Errc::policy_revoked, "The channel lists " + pack.name + " of version " + std::to_string(pack.version) + ", which was revoked before.");
    }
    const auto seen = state.packs.find(pack.name);
    if (seen != state.packs.end() && seen->second.first == pack.version && seen->second.second != pack.sha256) {
      return fail(Errc::policy_equivocation,
                  pack.name + " of version " + std::to_string(pack.version) + " was seen before, with other content.");
    }
  }
  return document;
}

Result<PackDocument> verifyListedPack(const RootDocument& root, const TrustState& state, const ChannelDocument& channel,
                                      const ListedPack& listed, std::string_view envelope, Timestamp now, Freshness freshness,
                                      Signers* signers) {
  if (std::find(channel.packs.begin(), channel.packs.end(), listed) == channel.packs.end()) {
    return fail(Errc::policy_not_listed, quoted(listed.name) + " of version " + std::to_string(listed.version) + " is not in the channel document.");
  }
  if (isRevoked(channel, listed.sha256)) return fail(Errc::policy_revoked, "The pack " + listed.name + " has been revoked.");
  if (state.bad.contains(listed.sha256)) {
    return fail(Errc::policy_refused_before, "The pack " + listed.name + " of version " + std::to_string(listed.version) + " did not work out here.");
  }
  if (envelope.size() > transferCap(listed.size)) {
    return fail(Errc::policy_too_large, "The pack " + listed.name + " has more bytes than the channel lists.");
  }
  CCP_TRY(const auto opened, openEnvelope(envelope, kPayloadPack));
  if (opened.payload.size() > listed.size) {
    return fail(Errc::policy_too_large, "The pack " + listed.name + " has " + std::to_string(opened.payload.size()) + " bytes, and the channel lists " +
                                            std::to_string(listed.size) + ".");
  }
  if (opened.payload.size() != listed.size || sha256Hex(opened.payload) != listed.sha256) {
    return fail(Errc::policy_hash_mismatch, "The pack " + listed.name + " has other content than the channel lists.");
  }
  CCP_TRY(auto pack, acceptPack(root, channel.channel, opened, trustedNow(state, root, now), freshness, signers));
  if (pack.name != listed.name || pack.version != listed.version) {
    return fail(Errc::policy_not_listed, "The pack calls itself " + pack.name + " " + std::to_string(pack.version) + ", and the channel lists it as " +
                                             listed.name + " " + std::to_string(listed.version) + ".");
  }
  return pack;
}

Result<PackDocument> verifyPackFor(const RootDocument& root, Channel channel, std::string_view envelope, Timestamp now) {
  CCP_TRY(const auto opened, openEnvelope(envelope, kPayloadPack));
  if (opened.payload.size() > kMaxDocumentBytes) {
    return fail(Errc::policy_too_large, "The pack has " + std::to_string(opened.payload.size()) + " bytes.");
  }
  return acceptPack(root, channel, opened, now, Freshness::required);
}

Result<Signers> signersOf(const RootDocument& root, std::string_view role, std::string_view payload_type, std::string_view envelope) {
  CCP_TRY(const auto opened, openEnvelope(envelope, payload_type));
  return countSigners(root, role, opened);
}

TrustState advance(TrustState state, const RootDocument& root, std::string_view root_envelope, const ChannelDocument& channel,
                   std::string_view channel_envelope, Timestamp now) {
  Timestamp time = trustedNow(state, root, now);
  if (rotated(state, root, channel.channel)) state.revoked.clear();
  state.revoked.insert(channel.revoked.begin(), channel.revoked.end());
  state.org = root.org;
  state.channel = channel.channel;
  state.root_version = root.version;
  state.root_sha256 = sha256Hex(root_envelope);
  state.channel_version = channel.version;
  state.channel_sha256 = sha256Hex(channel_envelope);
  const auto role = root.roles.find(roleOf("channel", channel.channel));
  state.channel_keys = role == root.roles.end() ? "" : joined(role->second.keyids);
  for (const auto& pack : channel.packs) {
    auto& seen = state.packs[pack.name];
    if (pack.version >= seen.first) seen = {pack.version, pack.sha256};
  }
  for (const Timestamp issued : {root.issued_at, channel.issued_at}) time = std::max(time, issued);
  state.last_trusted_time = time;
  return state;
}

Json TrustState::json() const {
  Json seen = Json::object();
  for (const auto& [name, pack] : packs) seen.set(name, Json::object({{"version", pack.first}, {"sha256", pack.second}}));
  Json refused = Json::array();
  for (const auto& digest : bad) refused.push(digest);
  Json taken_back = Json::array();
  for (const auto& digest : revoked) taken_back.push(digest);
  return Json::object({{"org", org},
                       {"channel", toString(channel)},
                       {"root_pin", root_pin},
                       {"root", Json::object({{"version", root_version}, {"sha256", root_sha256}})},
                       {"highest_seen", Json::object({{"version", channel_version}, {"sha256", channel_sha256}, {"keys", channel_keys}})},
                       {"packs", seen},
                       {"bad", refused},
                       {"revoked", taken_back},
                       {"last_trusted_time", formatRfc3339(last_trusted_time)}});
}

Result<TrustState> TrustState::fromJson(const Json& json) {
  const auto damaged = [](const char* what) { return fail(Errc::policy_document_invalid, std::string("The trust state has no valid ") + what + "."); };
  TrustState out;
  out.org = json.strOr("org");
  const auto channel = channelFromName(json.strOr("channel"));
  if (!isSetName(out.org) || !channel) return damaged("org and channel");
  out.channel = *channel;
  out.root_pin = json.strOr("root_pin");
  out.root_version = json["root"].intOr("version", -1);
  out.root_sha256 = json["root"].strOr("sha256");
  out.channel_version = json["highest_seen"].intOr("version", -1);
  out.channel_sha256 = json["highest_seen"].strOr("sha256");
  out.channel_keys = json["highest_seen"].strOr("keys");
  if (out.root_version < 0 || out.channel_version < 0) return damaged("versions");
  for (const auto& [name, pack] : json["packs"].members()) {
    const auto version = pack.intOr("version", -1);
    if (!isPackName(name) || version < 0 || !isDigest(pack.strOr("sha256"))) return damaged("packs");
    out.packs[name] = {version, pack.strOr("sha256")};
  }
  for (const auto& [name, into] : {std::pair{"bad", &out.bad}, std::pair{"revoked", &out.revoked}}) {
    for (const auto& digest : json[name].items()) {
      if (!digest.asString() || !isDigest(*digest.asString())) return damaged("digests");
      into->insert(*digest.asString());
    }
  }
  const auto time = parseRfc3339(json.strOr("last_trusted_time"));
  if (!time) return damaged("last_trusted_time");
  out.last_trusted_time = *time;
  return out;
}

}  // namespace ccp::policy
