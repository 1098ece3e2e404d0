// Access tokens with their proofs: what is accepted, what is refused with which code, and how fast an
// end becomes known.
#include "tests/integration/licensing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;

namespace {

/// A database that can be cut off.
class UnreachableDb final : public db::Db {
 public:
  explicit UnreachableDb(db::Db& inner) : inner_(inner) {}
  bool unreachable = false;

  Status migrate(const std::vector<const db::MigrationSet*>& sets) override { return inner_.migrate(sets); }
  db::Dialect dialect() const noexcept override { return inner_.dialect(); }
  Status ping() override { return inner_.ping(); }
  void close() override {}
  void onEmit(std::function<void()> fn) override { inner_.onEmit(std::move(fn)); }

 protected:
  Status runUnit(const db::Scope& scope, const std::function<Status(db::Tx&)>& fn, Mode mode) override {
    if (unreachable) return fail(Errc::store_error, "cut off");
    return mode == Mode::read ? inner_.read(scope, fn) : inner_.write(scope, fn);
  }

 private:
  db::Db& inner_;
};

}  // namespace

LICENSING_TEST("a token with its proof names who asks") {
  World w(env);
  const auto who = w.call(w.node, w.token());
  REQUIRE(who);
  CHECK((who->kind == http::PrincipalKind::access_token));
  CHECK(who->org == w.grant.org.id);
  CHECK(who->user == w.grant.user.id);
  CHECK(who->seat == w.grant.device.seat);
  CHECK(who->device == w.grant.device.id);
  CHECK(who->sid == w.grant.device.sid);
  CHECK(who->jkt == w.grant.device.jkt);
  CHECK(who->role == "owner");
  CHECK(who->email == "owner@acme.example");
  CHECK(who->license_version == 1);
  CHECK(who->scopes == std::vector<std::string>{"license", "usage", "billing", "dash"});
}

LICENSING_TEST("every wrong token and proof is refused with its code") {
  World w(env);
  auto& authenticator = w.node.feature->authenticator();
  const std::string token = w.token();
  const std::string url = w.settings.server.public_url + "/v1/license/status";
  const auto now = env.clock.now();
  const auto makeProof = [&](const crypto::SigningKey& key, const char* method, const std::string& at, Timestamp when, std::optional<std::string_view> ath) {
    return crypto::makeDpopProof(key, method, at, newToken(env.random), when, ath);
  };
  const auto stranger = crypto::SigningKey::generate(env.random);
  const auto signer = *w.node.feature->keys().signer(crypto::KeyUse::access);
  const auto pack_signer = *w.node.feature->keys().signer(crypto::KeyUse::pack);
  const Json claims = crypto::parseJws(token)->claims;
  const auto forged = [&](const char* name, Json value) {
    Json changed = claims;
    changed.set(name, std::move(value));
    return crypto::signJws(*signer, crypto::kTypAccessToken, changed);
  };
  const auto header = [&](const char* alg, const char* typ) {
    return crypto::signJwsWithHeader(*signer, Json::object({{"alg", alg}, {"typ", typ}, {"kid", signer->publicKey().thumbprint()}}), claims);
  };
  struct Row {
    const char* name;
    std::string token;
    std::string proof;
    const char* code;
  };
  const auto good = [&](const std::string& t) { return makeProof(w.device, "GET", url, now, t); };
  const auto row = [&](const char* name, const std::string& t, const char* code) { return Row{name, t, good(t), code}; };
  const Row rows[] = {
      row("good", token, "ok"),
      row("garbage", "x.y.z", "token_invalid"),
      row("a pack as token", crypto::signJws(*pack_signer, crypto::kTypLicensePack, claims), "token_wrong_type"),
      row("signed by a pack key", crypto::signJws(*pack_signer, crypto::kTypAccessToken, claims), "key_unknown"),
      row("signed by a stranger", crypto::signJws(stranger, crypto::kTypAccessToken, claims), "key_unknown"),
      row("alg none", header("none", "at+jwt"), "algorithm_refused"),
      row("alg HS256", header("HS256", "at+jwt"), "algorithm_refused"),
      row("typ JWT", header("EdDSA", "JWT"), "token_wrong_type"),
      row("another issuer", forged("iss", "https://evil.example"), "token_invalid"),
      row("another product", forged("aud", "other"), "token_invalid"),
      row("expired", forged("exp", toUnixSeconds(now) - 60), "token_expired"),
      row("issued in the future", forged("iat", toUnixSeconds(now) + 61), "token_invalid"),
      row("no session", forged("sid", ""), "token_invalid"),
      row("bound to another key", forged("cnf", Json::object({{"jkt", stranger.publicKey().thumbprint()}})), "proof_invalid"),
      {"proof of a stranger", token, makeProof(stranger, "GET", url, now, token), "proof_invalid"},
      {"proof for another method", token, makeProof(w.device, "POST", url, now, token), "proof_invalid"},
      {"proof for another path", token, makeProof(w.device, "GET", url + "/x", now, token), "proof_invalid"},
      {"proof for another host", token, makeProof(w.device, "GET", "https://evil.example/v1/license/status", now, token), "proof_invalid"},
      {"proof without ath", token, makeProof(w.device, "GET", url, now, std::nullopt), "proof_invalid"},
      {"proof for another token", token, makeProof(w.device, "GET", url, now, "other"), "proof_invalid"},
      {"old proof", token, makeProof(w.device, "GET", url, now - seconds(301), token), "proof_invalid"},
      {"proof from the future", token, makeProof(w.device, "GET", url, now + seconds(61), token), "proof_invalid"},
      {"the token as its own proof", token, token, "proof_invalid"},
      {"no proof", token, "", "proof_invalid"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    CHECK(codeOf(authenticator.authenticate(w.request(r.token, r.proof))) == r.code);
  }

  auto two_proofs = w.request(token, good(token));
  two_proofs.headers.add("DPoP", good(token));
  CHECK(codeOf(authenticator.authenticate(two_proofs)) == "proof_invalid");
  auto two_tokens = w.request(token, good(token));
  two_tokens.headers.add("Authorization", "DPoP " + token);
  CHECK(codeOf(authenticator.authenticate(two_tokens)) == "unauthenticated");
  auto bearer = w.request(token, good(token));
  bearer.headers.set("Authorization", "Bearer " + token);
  CHECK_FALSE(AccessTokenAuthenticator::claims(bearer));
  CHECK(codeOf(authenticator.authenticate(bearer)) == "unauthenticated");
  CHECK(codeOf(authenticator.authenticate(http::Request{})) == "unauthenticated");
  // The query is no part of htu; the scheme's name has no case.
  auto query = w.request(token, good(token));
  query.target += "?a=1";
  query.headers.set("Authorization", "dpop " + token);
  CHECK(authenticator.authenticate(query));
  // The host that the client named is never asked.
  auto relayed = w.request(token, makeProof(w.device, "GET", "https://relay.example/v1/license/status", now, token));
  relayed.headers.add("Host", "relay.example");
  CHECK(codeOf(authenticator.authenticate(relayed)) == "proof_invalid");
}

LICENSING_TEST("a proof is used once: everywhere in the store, elsewhere on the node") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  const auto token = w.token();
  const auto twice = [&](const char* method, const char* path, Node& then) {
    const auto request = w.request(token, w.proof(token, method, path), method, path);
    REQUIRE(w.node.feature->authenticator().authenticate(request));
    return codeOf(then.feature->authenticator().authenticate(request));
  };
  CHECK(twice("GET", "/v1/license/status", w.node) == "proof_replayed");
  CHECK(twice("POST", "/v1/license/issue", w.node) == "proof_replayed");
  CHECK(twice("POST", "/v1/license/issue", second) == "proof_replayed");
  CHECK(twice("POST", "/v1/license/refresh", second) == "proof_replayed");
}

LICENSING_TEST("an ended session is refused here at once and by another node after its next reading") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  const auto token = w.token();
  REQUIRE(w.call(second, token));
  REQUIRE(db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
    w.node.feature->tokenIssuer().sidRevoked(tx, w.grant.org.id, w.grant.device.sid);
    return {};
  }));
  CHECK(codeOf(w.call(w.node, token)) == "token_revoked");
  env.clock.advance(seconds(5));
  second.feature->worker().runOnce();
  CHECK(codeOf(w.call(second, token)) == "token_revoked");

  // A node that starts later knows it too; and it is forgotten when no such token can live.
  Node third(*other_db, env, w.settings);
  CHECK(codeOf(w.call(third, token)) == "token_revoked");
  env.clock.advance(minutes(30));
  third.feature->worker().runOnce();
  CHECK(third.feature->revocations().size() == 0);
  CHECK(codeOf(w.call(third, token)) == "token_expired");
}

LICENSING_TEST("a version that went up refuses older tokens on every node; a new token works") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  w.bill({w.fact("active", "team", 5)});
  const auto token = w.token();
  w.override_(AdminOverride::suspended);
  CHECK(codeOf(w.call(w.node, token)) == "token_revoked");
  CHECK(w.call(w.node, w.token()));
  REQUIRE(second.feature->revocations().refresh());
  CHECK(codeOf(w.call(second, token)) == "token_revoked");
  CHECK(w.call(second, w.token(second)));
}

LICENSING_TEST("a revocation that is committed late is still found: the past two minutes are read again") {
  World w(env);
  const auto token = w.token();
  REQUIRE(w.node.feature->revocations().refresh());
  const auto late = env.clock.now() - seconds(110);
  REQUIRE(db.write(db::Scope::org(w.grant.org.id), [&](db::Tx& tx) -> Status {
    tx.exec("insert into revocations (org_id, id, kind, sid, min_version, revoked_at, expires_at) values (:org, 'rev_1', 'sid', :sid, 0, :at, :until)",
            {{"org", w.grant.org.id}, {"sid", w.grant.device.sid}, {"at", late}, {"until", late + minutes(20)}});
    return {};
  }));
  CHECK(w.call(w.node, token));
  REQUIRE(w.node.feature->revocations().refresh());
  CHECK(codeOf(w.call(w.node, token)) == "token_revoked");
}

LICENSING_TEST("a node that could not read the list for 45 seconds judges nothing until it can") {
  World w(env);
  const auto token = w.token();
  env.clock.advance(seconds(45));
  CHECK(w.call(w.node, token));
  env.clock.advance(seconds(1));
  const auto stale = w.call(w.node, token);
  CHECK(codeOf(stale) == "stale_state");
  CHECK(stale.error().httpStatus() == 503);
  CHECK(stale.error().retry_after_s > 0);
  w.node.feature->worker().runOnce();
  CHECK(w.call(w.node, token));

  // With the database gone, the rounds fail and the node goes stale instead of guessing.
  UnreachableDb switchable(db);
  Node cut(switchable, env, w.settings);
  REQUIRE(w.call(cut, token));
  switchable.unreachable = true;
  env.clock.advance(seconds(30));
  cut.feature->worker().runOnce();
  CHECK(w.call(cut, token));
  env.clock.advance(seconds(16));
  cut.feature->worker().runOnce();
  CHECK(codeOf(w.call(cut, token)) == "stale_state");
  switchable.unreachable = false;
  cut.feature->worker().runOnce();
  CHECK(w.call(cut, token));
}
