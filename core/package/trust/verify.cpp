#include "core/package/trust/verify.hpp"

#include <algorithm>

namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

/// Text of an unverified file for a message: short, and nothing that a terminal would act on.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, 96)) out += c >= 0x20 && c < 0x7F && c != '"' ? c : '?';
  return out + '"';
}

/// What an operator runs, as it can be copied. Key ids may begin with a dash, hence "key:".
std::string trustAdd(const std::string& key, const std::string& options) { return "`ccp plugin trust add " + key + " " + options + "`"; }
std::string trustAdd(const TrustedKey& key, const std::string& options) { return trustAdd("key:" + key.kid(), options); }
std::string prefixOf(const std::string& plugin_id) { return "--prefix " + plugin_id.substr(0, plugin_id.find('.') + 1); }

}  // namespace

/// What every refusal speaks about.
struct TrustStore::Attempt {
  std::string_view manifest_text;
  Channel channel;
  Timestamp now;
  std::string folder;
  std::string id, version;  ///< as the unverified manifest says

  std::string file() const { return folder + "/plugin.json.dsse"; }
  /// "DIR/plugin.json.dsse: the plugin acme.pager 1.0.0 "
  std::string who() const { return file() + ": the plugin " + id + " " + version + " "; }
  bool firstParty() const { return id.starts_with(kVendorPrefix); }
};

TrustStore::TrustStore(const crypto::PublicKey& vendor, std::vector<TrustedKey> keys) : vendor_(vendor), keys_(std::move(keys)) {}

Result<Verified> TrustStore::unsignedPlugin(const Attempt& attempt) const {
  const std::string sign = "run `ccp plugin sign " + attempt.folder + " --key FILE`";
  if (attempt.firstParty()) {
    return refuse(attempt.who() + "is not signed: there is no such file. Ids that begin with \"ccp.\" need the signature of the vendor key " +
                  vendor_.thumbprint() + ", in dev mode too. Install the plugin from the same release as ccpd.");
  }
  if (attempt.channel == Channel::prod) {
    return refuse(attempt.who() + "is not signed: there is no such file. In prod mode every plugin needs the signature of a trusted key. "
                                  "Get the signed package from its author; if you are the author, " + sign + ".");
  }
  CCP_TRY(Manifest manifest, parseManifest(attempt.manifest_text));
  if (manifest.id != attempt.id) return refuse(attempt.who() + "is not signed, and its id cannot be read.");
  return Verified{std::move(manifest), "unsigned", "nobody", false};
}

Status TrustStore::allows(const TrustedKey& key, const Manifest& m, const Attempt& attempt) const {
  const std::string found = attempt.who() + "is signed by the key " + key.name();
  if (key.revoked_at) {
    return refuse(found + ", which was revoked at " + formatRfc3339(*key.revoked_at) +
                  (key.revoked_reason.empty() ? "" : " (" + key.revoked_reason + ")") +
                  ". Nothing that it signed is loaded. Install a release that its author signed with another key, and trust that one.");
  }
  if (key.expires_at && attempt.now >= *key.expires_at) {
    return refuse(found + ", which expired at " + formatRfc3339(*key.expires_at) + "; it is " + formatRfc3339(attempt.now) +
                  ". Install a release signed with a current key, or prolong this one: " + trustAdd(key, "--expires DATE") + ".");
  }
  if (m.id.starts_with(kVendorPrefix)) {
    return refuse(found + "; ids that begin with \"ccp.\" need the vendor key " + vendor_.thumbprint() +
                  ", and no other key is ever granted them. Install the plugin from the same release as ccpd, or give it an id of your own.");
  }
  if (!key.maySign(m.id)) {
    std::string prefixes;
    for (const auto& prefix : key.prefixes) prefixes += (prefixes.empty() ? "\"" : ", \"") + prefix + "\"";
    return refuse(found + ", which is trusted with ids that begin with " + prefixes + "; this id needs a key that is trusted with it. "
                  "If the author owns it, run " + trustAdd(key, prefixOf(m.id)) + ".");
  }
  if (!key.serves(attempt.channel)) {
    const std::string mode = toString(attempt.channel);
    return refuse(found + ", which is not trusted in " + mode + " mode; this server runs in " + mode +
                  " mode. If you mean to trust it here, run " + trustAdd(key, "--channel " + mode) + ".");
  }
  const auto missing = missingGrants(m, key.grants);
  if (missing.empty()) return {};
  std::string asks, options;
  for (const auto& one : missing) {
    asks += (asks.empty() ? "" : "; and for ") + one.permission + " " + quoted(one.asked) + ", while the trust store grants this key " + one.granted;
    options += (options.empty() ? "" : " ") + one.option;
  }
  return refuse(found + " and asks in " + attempt.folder + "/plugin.json for " + asks +
                ". Use a release that asks for less; or, if you want it to have that, run " + trustAdd(key, options) + ".");
}

Result<Verified> TrustStore::bySignature(const crypto::DsseSignature& signature, const std::string& signed_bytes, const Attempt& attempt) const {
  const bool vendor = signature.keyid == vendor_.thumbprint();
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const TrustedKey& each) { return each.kid() == signature.keyid; });
  if (!vendor && key == keys_.end()) {
    if (attempt.firstParty()) {
      return refuse(attempt.who() + "is signed by the key " + quoted(signature.keyid) + "; the vendor key " + vendor_.thumbprint() +
                    " of this ccpd is needed. Install the plugin from the same release as ccpd.");
    }
    return refuse(attempt.who() + "is signed by the key " + quoted(signature.keyid) + ", which this server does not trust; a key that is "
                  "trusted with ids such as this one is needed. If you trust the author, get the public key from them and run " +
                  trustAdd(std::string("FILE.pub"), prefixOf(attempt.id)) + ".");
  }
  const crypto::PublicKey& public_key = vendor ? vendor_ : key->key;
  if (!crypto::verifySignature(public_key, bytesOf(signed_bytes), signature.signature)) {
    return refuse(attempt.who() + "carries a signature of the key " + (vendor ? signature.keyid + " (the vendor)" : key->name()) +
                  " that does not verify: manifest or signature were changed after signing. Install the package again.");
  }
  CCP_TRY(Manifest manifest, parseManifest(attempt.manifest_text));
  if (vendor) {
    if (!manifest.id.starts_with(kVendorPrefix)) {
      return refuse(attempt.who() + "is signed by the vendor key of this ccpd, which signs ids that begin with \"ccp.\" only; a key that is "
                    "trusted with this id is needed. Sign it with a key of its author: `ccp plugin sign " + attempt.folder + " --key FILE`.");
    }
    return Verified{std::move(manifest), "vendor", "the vendor", true};
  }
  CCP_CHECK_OK(allows(*key, manifest, attempt));
  return Verified{std::move(manifest), "key:" + key->kid(), key->name(), key->grants.inproc};
}

Result<Verified> TrustStore::verify(std::optional<std::string_view> envelope, std::string_view manifest, Channel channel, Timestamp now,
                                    const std::string& folder) const {
  // Read leniently, for messages and for the choice of the message; nothing is decided in favour of it.
  const auto claims = parseJson(manifest, {256 * 1024, 32});
  const auto claim = [&](const char* name) { return claims ? quoted(claims->strOr(name)) : std::string("\"\""); };
  Attempt attempt{manifest, channel, now, folder, claim("id"), claim("version")};
  for (auto* text : {&attempt.id, &attempt.version}) *text = text->substr(1, text->size() - 2);
  if (!envelope) return unsignedPlugin(attempt);

  auto parsed = crypto::parseDsse(*envelope);
  if (parsed && parsed->payload_type != crypto::kPayloadPluginManifest) {
    parsed = fail(Errc::envelope_invalid, "it is of the type " + quoted(parsed->payload_type));
  }
  if (!parsed) {
    return refuse(attempt.file() + " holds no valid envelope for the manifest of " + attempt.id + " " + attempt.version + ": " + parsed.error().detail +
                  " Needed is what `ccp plugin sign` writes. Install the package again.");
  }
  if (parsed->payload != manifest) {
    const auto other = parseJson(parsed->payload, {256 * 1024, 32});
    const std::string signed_id = other ? other->strOr("id") : "";
    const std::string signed_version = other ? other->strOr("version") : "";
    if (signed_id != attempt.id || signed_version != attempt.version) {
      return refuse(attempt.file() + " is the signature of " + quoted(signed_id + " " + signed_version) + "; " + folder + "/plugin.json says " + attempt.id +
                    " " + attempt.version + ". The two come from different packages. Install the package again.");
    }
    return refuse(folder + "/plugin.json of the plugin " + attempt.id + " " + attempt.version +
                  " is not the manifest that was signed: it was changed after signing. Install the package again.");
  }
  const std::string signed_bytes = crypto::dssePae(parsed->payload_type, parsed->payload);
  std::vector<std::string> refusals;
  for (const auto& signature : parsed->signatures) {
    auto result = bySignature(signature, signed_bytes, attempt);
    if (result) return result;
    refusals.push_back(result.error().detail);
  }
  if (refusals.size() == 1) return refuse(refusals.front());
  std::string all = attempt.file() + " holds " + std::to_string(refusals.size()) + " signatures, and none of them is enough.";
  for (std::size_t i = 0; i < refusals.size(); ++i) all += " [" + std::to_string(i + 1) + "] " + refusals[i];
  return refuse(all);
}

}  // namespace ccp::plugin
