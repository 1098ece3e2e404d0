#include "core/crypto/keyring.hpp"

#include <doctest/doctest.h>

#include "core/crypto/dsse.hpp"
#include "core/crypto/pack_verifier.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

const Timestamp kNow = fromUnixSeconds(1'800'000'000);

SigningKey keyOf(std::uint64_t seed) {
  test::SeededRandom random(seed);
  return SigningKey::generate(random);
}
RingKey entry(const SigningKey& key, KeyUse use, KeyState state, Timestamp not_before) {
  return RingKey{key.publicKey().thumbprint(), use, state, key.publicKey(), not_before};
}
struct Fixture {
  SigningKey root = keyOf(1), old = keyOf(2), current = keyOf(3), next = keyOf(4), access = keyOf(5), device = keyOf(6);
  KeyRing ring;
  std::map<std::string, PublicKey> roots{{root.publicKey().thumbprint(), root.publicKey()}};

  Fixture() {
    ring.iss = "https://ccp.example";
    ring.version = 7;
    ring.issued_at = kNow - hours(1);
    ring.expires_at = kNow + hours(24 * 30);
    ring.keys = {entry(old, KeyUse::pack, KeyState::retiring, kNow - hours(900)),
                 entry(current, KeyUse::pack, KeyState::active, kNow - hours(100)),
                 entry(next, KeyUse::pack, KeyState::pending, kNow + hours(1)),
                 entry(access, KeyUse::access, KeyState::active, kNow - hours(100))};
    ring.compromised = {"bad-kid"};
  }
  PackClaims pack() const {
    PackClaims claims;
    claims.iss = ring.iss;
    claims.aud = "acme-cli";
    claims.sub = "seat_1";
    claims.jti = "pack_1";
    claims.org = "org_1";
    claims.license = "lic_1";
    claims.sid = "ses_1";
    claims.plan = "solo";
    claims.privacy = "minimized";
    claims.jkt = device.publicKey().thumbprint();
    claims.version = 1;
    claims.seats = 1;
    claims.grace_s = 3600;
    claims.issued_at = claims.not_before = kNow;
    claims.expires_at = kNow + hours(24 * 7);
    claims.features = {"dashboards", "zai_offload"};
    claims.limits = Json::object({{"seats", 1}});
    claims.enforce = Json::object({{"dashboards", "enforce"}});
    return claims;
  }
  PackExpectation expecting(Timestamp now = kNow) const {
    return {.iss = ring.iss, .aud = "acme-cli", .jkt = device.publicKey().thumbprint(), .now = now};
  }
};

}  // namespace

TEST_CASE("the newest key whose time has come signs") {
  Fixture f;
  CHECK(f.ring.signingKey(KeyUse::pack, kNow)->kid == f.current.publicKey().thumbprint());
  CHECK(f.ring.signingKey(KeyUse::pack, kNow + hours(1))->kid == f.next.publicKey().thumbprint());
  CHECK_FALSE(f.ring.signingKey(KeyUse::pack, kNow - hours(101)));
  CHECK(f.ring.signingKey(KeyUse::access, kNow)->kid == f.access.publicKey().thumbprint());
  CHECK_FALSE(f.ring.signingKey(KeyUse::channel, kNow));
}

TEST_CASE("published keys verify for their own use only, compromised ones never") {
  Fixture f;
  const auto kid = f.current.publicKey().thumbprint();
  for (const auto* key : {&f.old, &f.current, &f.next}) CHECK(f.ring.verificationKey(KeyUse::pack, key->publicKey().thumbprint()));
  CHECK_FALSE(f.ring.verificationKey(KeyUse::access, kid));
  CHECK_FALSE(f.ring.verificationKey(KeyUse::pack, "nobody"));
  f.ring.compromised.push_back(kid);
  CHECK_FALSE(f.ring.verificationKey(KeyUse::pack, kid));
}

TEST_CASE("a published ring is read back as it was") {
  Fixture f;
  const auto ring = parseKeyRing(signKeyRing(f.ring, f.root), f.roots, {.iss = f.ring.iss, .now = kNow, .min_version = 7});
  REQUIRE(ring);
  CHECK(ring->document() == f.ring.document());
  CHECK(ring->compromised == f.ring.compromised);
}

TEST_CASE("jwks shows public parts with kid, use and alg") {
  Fixture f;
  const Json jwks = f.ring.jwks();
  REQUIRE(jwks["keys"].size() == 4);
  const Json& first = jwks["keys"].items()[0];
  CHECK(first["kid"] == Json(f.old.publicKey().thumbprint()));
  CHECK(first["alg"] == Json("EdDSA"));
  CHECK(first["use"] == Json("sig"));
  CHECK_FALSE(first.find("d"));
}

TEST_CASE("a ring that cannot be trusted is refused with its code") {
  Fixture f;
  const Json good = f.ring.document();
  const auto signedWith = [&](Json payload) { return signDsse(kPayloadKeyRing, payload.dump(), {&f.root}); };
  const auto with = [&](const char* name, Json value) {
    Json changed = good;
    changed.set(name, std::move(value));
    return signedWith(std::move(changed));
  };
  const auto withKey = [&](const char* name, Json value) {
    Json key = good["keys"].items()[0];
    key.set(name, std::move(value));
    return with("keys", Json::array({std::move(key)}));
  };
  Json private_jwk = f.old.publicKey().jwk();
  private_jwk.set("d", "AAAA");
  struct Row {
    const char* name;
    std::string text;
    Errc code;
  };
  const Row rows[] = {
      {"no envelope", "x", Errc::envelope_invalid},
      {"signed by another root", signKeyRing(f.ring, f.next), Errc::key_unknown},
      {"of another payload type", signDsse(kPayloadPluginManifest, good.dump(), {&f.root}), Errc::envelope_invalid},
      {"another schema", with("schema", "ccp.keyring/2"), Errc::envelope_invalid},
      {"another issuer", with("iss", "https://evil.example"), Errc::envelope_invalid},
      {"an older version", with("version", 6), Errc::envelope_invalid},
      {"version text", with("version", "8"), Errc::envelope_invalid},
      {"issued in the future", with("issued_at", formatRfc3339(kNow + minutes(6))), Errc::envelope_invalid},
      {"expired", with("expires_at", formatRfc3339(kNow - minutes(5))), Errc::signature_stale},
      {"expires_at missing", with("expires_at", nullptr), Errc::envelope_invalid},
      {"keys an object", with("keys", Json::object()), Errc::envelope_invalid},
      {"compromised with a number", with("compromised", Json::array({Json(1)})), Errc::envelope_invalid},
      {"a key with another kid", withKey("kid", "x"), Errc::envelope_invalid},
      {"a key with its private part", withKey("jwk", private_jwk), Errc::envelope_invalid},
      {"a retired key", withKey("state", "retired"), Errc::envelope_invalid},
      {"a key of unknown state", withKey("state", "new"), Errc::envelope_invalid},
      {"a key without its time", withKey("not_before_at", "soon"), Errc::envelope_invalid},
      {"a key twice", with("keys", Json::array({good["keys"].items()[0], good["keys"].items()[0]})), Errc::envelope_invalid},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto ring = parseKeyRing(row.text, f.roots, {.iss = f.ring.iss, .now = kNow, .min_version = 7});
    REQUIRE_FALSE(ring);
    CHECK(ring.error().code == row.code);
  }
  // A use of a newer server is skipped, not refused.
  const auto newer = parseKeyRing(withKey("use", "audit"), f.roots, {.iss = f.ring.iss, .now = kNow});
  REQUIRE(newer);
  CHECK(newer->keys.empty());
}

TEST_CASE("a pack is valid, then in grace, then expired") {
  Fixture f;
  const auto pack = signJws(f.current, kTypLicensePack, f.pack().json());
  const auto at = [&](Timestamp now) { return verifyPack(pack, f.ring, f.expecting(now))->state; };
  const Timestamp exp = f.pack().expires_at;
  CHECK((at(kNow) == PackState::valid));
  CHECK((at(exp - seconds(1)) == PackState::valid));
  CHECK((at(exp) == PackState::in_grace));
  CHECK((at(exp + seconds(3599)) == PackState::in_grace));
  CHECK((at(exp + seconds(3600)) == PackState::expired));
  const auto verified = verifyPack(pack, f.ring, f.expecting());
  CHECK(verified->claims.json() == f.pack().json());
  CHECK(verified->usable_until == exp + hours(1));
}

TEST_CASE("packs of retiring keys verify, those of compromised keys do not") {
  Fixture f;
  const auto pack = signJws(f.old, kTypLicensePack, f.pack().json());
  CHECK(verifyPack(pack, f.ring, f.expecting()));
  f.ring.compromised.push_back(f.old.publicKey().thumbprint());
  CHECK(verifyPack(pack, f.ring, f.expecting()).error().code == Errc::key_unknown);
}

TEST_CASE("a pack that does not fit is refused with its code") {
  Fixture f;
  const auto changed = [&](auto change) {
    auto claims = f.pack();
    change(claims);
    return signJws(f.current, kTypLicensePack, claims.json());
  };
  const auto without = [&](const char* name) {
    Json claims = f.pack().json();
    claims.erase(name);
    return signJws(f.current, kTypLicensePack, claims);
  };
  struct Row {
    const char* name;
    std::string pack;
    Errc code;
  };
  std::vector<Row> rows = {
      {"no token", "x", Errc::pack_invalid},
      {"an access token", signJws(f.current, kTypAccessToken, f.pack().json()), Errc::token_wrong_type},
      {"signed by an access key", signJws(f.access, kTypLicensePack, f.pack().json()), Errc::key_unknown},
      {"signed by the device", signJws(f.device, kTypLicensePack, f.pack().json()), Errc::key_unknown},
      {"another issuer", changed([](PackClaims& c) { c.iss = "https://evil.example"; }), Errc::pack_invalid},
      {"another product", changed([](PackClaims& c) { c.aud = "other"; }), Errc::pack_invalid},
      {"another device", changed([&](PackClaims& c) { c.jkt = f.root.publicKey().thumbprint(); }), Errc::pack_invalid},
      {"not yet valid", changed([](PackClaims& c) { c.not_before = kNow + minutes(6); }), Errc::pack_invalid},
      {"ends before it begins", changed([](PackClaims& c) { c.expires_at = c.not_before; }), Errc::pack_invalid},
      {"a grace of years", changed([](PackClaims& c) { c.grace_s = 400ll * 86400; }), Errc::pack_invalid},
  };
  for (const auto* name : {"iss", "aud", "sub", "jti", "iat", "nbf", "exp", "org", "lic", "ver", "sid", "plan", "features",
                           "limits", "privacy", "seats", "grace_s", "enforce", "cnf"}) {
    rows.push_back({name, without(name), Errc::pack_invalid});
  }
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto result = verifyPack(row.pack, f.ring, f.expecting());
    REQUIRE_FALSE(result);
    CHECK(result.error().code == row.code);
  }
}
