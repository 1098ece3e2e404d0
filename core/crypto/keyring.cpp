#include "core/crypto/keyring.hpp"

#include <algorithm>

#include "core/crypto/dsse.hpp"

namespace ccp::crypto {
namespace {

constexpr std::string_view kSchema = "ccp.keyring/1";
constexpr std::size_t kMaxKeys = 256;

tl::unexpected<Error> invalid(std::string why) { return fail(Errc::envelope_invalid, "The key ring is not valid: " + std::move(why)); }

Result<Timestamp> timeMember(const Json& json, const char* name) {
  const auto* text = json[name].asString();
  auto at = text ? parseRfc3339(*text) : Result<Timestamp>(fail(Errc::bad_encoding));
  if (!at) return invalid(std::string(name) + " is missing or no RFC 3339 time.");
  return *at;
}

Result<RingKey> parseKey(const Json& json) {
  RingKey out;
  out.kid = json.strOr("kid");
  const auto use = keyUseFrom(json.strOr("use"));
  const auto state = keyStateFrom(json.strOr("state"));
  if (!state || *state == KeyState::retired || *state == KeyState::compromised) return invalid("a key has no published state.");
  auto key = publicKeyFromJwk(json["jwk"]);
  if (!key) return invalid(key.error().detail);
  if (key->thumbprint() != out.kid) return invalid("a kid is not the thumbprint of its key.");
  CCP_TRY(out.not_before_at, timeMember(json, "not_before_at"));
  // A use of a newer version: this verifier has no business with it, and must not fail on it.
  if (!use) return fail(Errc::unimplemented);
  out.use = *use;
  out.state = *state;
  out.key = *key;
  return out;
}

}  // namespace

const char* toString(KeyUse use) noexcept {
  switch (use) {
    case KeyUse::pack: return "pack";
    case KeyUse::access: return "access";
    case KeyUse::channel: return "channel";
  }
  return "";
}

std::optional<KeyUse> keyUseFrom(std::string_view text) noexcept {
  for (const auto use : {KeyUse::pack, KeyUse::access, KeyUse::channel}) {
    if (text == toString(use)) return use;
  }
  return std::nullopt;
}

const char* toString(KeyState state) noexcept {
  switch (state) {
    case KeyState::pending: return "pending";
    case KeyState::active: return "active";
    case KeyState::retiring: return "retiring";
    case KeyState::retired: return "retired";
    case KeyState::compromised: return "compromised";
  }
  return "";
}

std::optional<KeyState> keyStateFrom(std::string_view text) noexcept {
  for (const auto state : {KeyState::pending, KeyState::active, KeyState::retiring, KeyState::retired, KeyState::compromised}) {
    if (text == toString(state)) return state;
  }
  return std::nullopt;
}

const RingKey* KeyRing::signingKey(KeyUse use, Timestamp now) const noexcept {
  const RingKey* best = nullptr;
  for (const auto& key : keys) {
    if (key.use != use || key.not_before_at > now) continue;
    if (key.state != KeyState::active && key.state != KeyState::pending) continue;
    if (!best || key.not_before_at > best->not_before_at) best = &key;
  }
  return best;
}

std::optional<PublicKey> KeyRing::verificationKey(KeyUse use, std::string_view kid) const {
  if (std::find(compromised.begin(), compromised.end(), kid) != compromised.end()) return std::nullopt;
  for (const auto& key : keys) {
    if (key.use == use && key.kid == kid) return key.key;
  }
  return std::nullopt;
}

KeyLookup KeyRing::lookup(KeyUse use) const {
  return [this, use](std::string_view kid) { return verificationKey(use, kid); };
}

Json KeyRing::document() const {
  Json list = Json::array();
  for (const auto& key : keys) {
    list.push(Json::object({{"kid", key.kid},
                            {"use", toString(key.use)},
                            {"state", toString(key.state)},
                            {"jwk", key.key.jwk()},
                            {"not_before_at", formatRfc3339(key.not_before_at)}}));
  }
  Json bad = Json::array();
  for (const auto& kid : compromised) bad.push(kid);
  return Json::object({{"schema", kSchema},
                       {"iss", iss},
                       {"version", version},
                       {"issued_at", formatRfc3339(issued_at)},
                       {"expires_at", formatRfc3339(expires_at)},
                       {"keys", list},
                       {"compromised", bad}});
}

Json KeyRing::jwks() const {
  Json list = Json::array();
  for (const auto& key : keys) {
    Json jwk = key.key.jwk();
    jwk.set("kid", key.kid).set("use", "sig").set("alg", "EdDSA");
    list.push(std::move(jwk));
  }
  return Json::object({{"keys", list}});
}

std::string signKeyRing(const KeyRing& ring, const SigningKey& root) {
  return signDsse(kPayloadKeyRing, ring.document().dump(), {&root});
}

Result<KeyRing> parseKeyRing(std::string_view envelope, const std::map<std::string, PublicKey>& root_keys,
                             const KeyRingExpectation& expected) {
  CCP_TRY(const auto payload, verifyDsse(envelope, kPayloadKeyRing, root_keys));
  const auto json = parseJson(payload);
  if (!json || !json->isObject()) return invalid("the payload is no strict JSON object.");
  if (json->strOr("schema") != kSchema) return invalid("schema must be " + std::string(kSchema) + ".");
  KeyRing out;
  out.iss = json->strOr("iss");
  if (out.iss.empty() || (!expected.iss.empty() && out.iss != expected.iss)) {
    return invalid("iss is \"" + out.iss + "\", not \"" + expected.iss + "\".");
  }
  out.version = json->intOr("version");
  if (out.version < 1) return invalid("version must be a positive integer.");
  if (out.version < expected.min_version) {
    return invalid("version " + std::to_string(out.version) + " is older than " + std::to_string(expected.min_version) +
                   ", which was seen before.");
  }
  CCP_TRY(out.issued_at, timeMember(*json, "issued_at"));
  CCP_TRY(out.expires_at, timeMember(*json, "expires_at"));
  if (out.issued_at > expected.now + expected.skew) return invalid("it was issued in the future; check the clock.");
  if (expected.now >= out.expires_at + expected.skew) {
    return fail(Errc::signature_stale, "The key ring expired at " + formatRfc3339(out.expires_at) + "; fetch a new one.");
  }
  if (!(*json)["keys"].isArray() || !(*json)["compromised"].isArray()) return invalid("keys and compromised must be lists.");
  if ((*json)["keys"].size() > kMaxKeys) return invalid("it holds more than 256 keys.");
  for (const auto& item : (*json)["compromised"].items()) {
    if (!item.asString()) return invalid("compromised must be a list of key ids.");
    out.compromised.push_back(*item.asString());
  }
  for (const auto& item : (*json)["keys"].items()) {
    auto key = parseKey(item);
    if (!key && key.error().code == Errc::unimplemented) continue;
    if (!key) return fail(key.error());
    for (const auto& other : out.keys) {
      if (other.kid == key->kid) return invalid("the key " + key->kid + " stands twice.");
    }
    out.keys.push_back(std::move(*key));
  }
  return out;
}

}  // namespace ccp::crypto
