// The device flow and the tokens that come of it, through the routes.
#include <thread>

#include "tests/integration/identity/world.hpp"

using namespace ccp;
using namespace ccp::test;

CCP_DB_TEST("a device logs in from discovery to token", &identity::kMigrations) {
  World world(env, db);
  const auto metadata = world.route(world.request("GET", "/.well-known/oauth-authorization-server"));
  const auto found = *parseJson(metadata.body);
  CHECK(found.strOr("issuer") == "https://ccp.test");
  CHECK(found.strOr("token_endpoint") == "https://ccp.test/oauth/token");
  CHECK(found.strOr("device_authorization_endpoint") == "https://ccp.test/oauth/device_authorization");
  CHECK(found["grant_types_supported"].size() == 3);

  const auto begun = world.route(world.request("POST", "/oauth/device_authorization",
                                               World::encode({{"client_id", "ccp-cli"}, {"scope", "usage license"}, {"hostname", "lap\ntop"}})));
  REQUIRE(begun.status == 200);
  CHECK(begun.headers.get("Cache-Control") == "no-store");
  const auto device = *parseJson(begun.body);
  CHECK(device.intOr("interval") == 5);
  CHECK(device.intOr("expires_in") == 900);
  CHECK(device.strOr("verification_uri_complete") == "https://ccp.test/device?user_code=" + device.strOr("user_code"));
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");

  auto browser = world.signedIn("anna@acme.dev");
  const auto page = world.browse(browser, "GET", "/device?user_code=" + device.strOr("user_code"));
  CHECK(page.status == 200);
  for (const auto& text : {device.strOr("user_code"), std::string("laptop"), std::string("CCP command line"), std::string("203.0.113.9"),
                           std::string("send usage totals"), std::string("exactly this code")}) {
    CAPTURE(text);
    CHECK(page.body.find(text) != std::string::npos);
  }
  CHECK(page.body.find("start a checkout") == std::string::npos);  // not asked for
  CHECK(world.decide(browser, device, "approve").status == 200);

  world.clock.advance(seconds(5));
  const auto answer = world.poll(device);
  CAPTURE(answer.body);
  REQUIRE(answer.status == 200);
  CHECK(answer.headers.get("Cache-Control") == "no-store");
  const auto tokens = *parseJson(answer.body);
  CHECK(tokens.strOr("token_type") == "DPoP");
  CHECK(tokens.strOr("scope") == "license usage");
  CHECK(tokens.intOr("expires_in") == 900);
  CHECK_FALSE(tokens.strOr("access_token").empty());
  const auto refresh = tokens.strOr("refresh_token");
  CHECK(base64UrlDecode(refresh)->size() == 32);

  const auto& grant = world.licensing.last;
  const auto who = world.principal(browser);
  CHECK(grant.org.id == who.org);
  CHECK(grant.user.email == "anna@acme.dev");
  CHECK(grant.role == "owner");
  CHECK(grant.client_id == "ccp-cli");
  CHECK(grant.device.jkt == world.device_key.publicKey().thumbprint());
  CHECK(grant.device.hostname == "laptop");
  CHECK(grant.device.seat == who.seat);
  CHECK(isId(grant.device.sid, "ses"));
  // Secrets are stored as hashes only.
  CHECK(world.count("refresh_tokens where hash = '" + sha256Hex(refresh) + "'") == 1);
  CHECK(world.count("device_grants where hash = '" + sha256Hex(device.strOr("device_code")) + "'") == 1);
  CHECK(world.count("audit_log where action in ('device_grant.approve', 'device.register')") == 2);

  SUBCASE("the code is used up") { CHECK(World::errorOf(world.poll(device)) == "invalid_grant"); }
  SUBCASE("and its page is gone") {
    CHECK(world.browse(browser, "GET", "/device?user_code=" + device.strOr("user_code")).status == 401);
  }
}

CCP_DB_TEST("polling too fast is told to slow down, for good", &identity::kMigrations) {
  World world(env, db);
  const auto device = world.authorizeDevice();
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");
  world.clock.advance(seconds(1));
  CHECK(World::errorOf(world.poll(device)) == "slow_down");
  world.clock.advance(seconds(6));  // enough before, too little now
  CHECK(World::errorOf(world.poll(device)) == "slow_down");
  world.clock.advance(seconds(15));
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");
}

CCP_DB_TEST("a denied or expired code stays so", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto device = world.authorizeDevice();
  SUBCASE("denied") {
    CHECK(world.decide(browser, device, "deny").status == 200);
    CHECK(World::errorOf(world.poll(device)) == "access_denied");
    CHECK(World::errorOf(world.poll(device)) == "access_denied");
    CHECK(world.decide(browser, device, "approve").status == 401);
  }
  SUBCASE("expired before anybody decided") {
    world.clock.advance(minutes(15));
    CHECK(world.decide(browser, device, "approve").status == 401);
    CHECK(World::errorOf(world.poll(device)) == "expired_token");
    CHECK(World::errorOf(world.poll(device)) == "expired_token");
  }
  SUBCASE("expired after it was approved") {
    CHECK(world.decide(browser, device, "approve").status == 200);
    world.clock.advance(minutes(15));
    CHECK(World::errorOf(world.poll(device)) == "expired_token");
  }
  CHECK(world.count("devices") == 0);
}

CCP_DB_TEST("a device code belongs to one client and one key", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto device = world.authorizeDevice();
  const auto thief = crypto::SigningKey::generate(world.random);
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");
  CHECK(World::errorOf(world.poll(device, thief)) == "invalid_grant");
  REQUIRE(world.decide(browser, device, "approve").status == 200);
  CHECK(World::errorOf(world.poll(device, thief)) == "invalid_grant");
  const auto wrong_client = world.tokenWith(
      {{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", device.strOr("device_code")}, {"client_id", "other"}}, world.proof(world.device_key));
  CHECK(wrong_client.status == 401);
  CHECK(World::errorOf(wrong_client) == "invalid_client");
  CHECK(World::errorOf(world.tokenWith({{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", "made-up"}, {"client_id", "ccp-cli"}},
                                       world.proof(world.device_key))) == "invalid_grant");
  CHECK(world.poll(device).status == 200);
}

CCP_DB_TEST("two polls at once get one token", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto device = world.authorizeDevice();
  REQUIRE(world.decide(browser, device, "approve").status == 200);
  std::vector<std::string> proofs;
  for (int i = 0; i < 4; ++i) proofs.push_back(world.proof(world.device_key));
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (const auto& proof : proofs) {
    threads.emplace_back([&] {
      const auto response = world.tokenWith(
          {{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", device.strOr("device_code")}, {"client_id", "ccp-cli"}}, proof);
      good += response.status == 200 ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 1);
  CHECK(world.count("devices") == 1);
  CHECK(world.count("refresh_tokens") == 1);
}

CCP_DB_TEST("a plugin cannot approve by itself, nor give weak codes, nor be missed silently", &identity::kMigrations) {
  World world(env, db);
  const auto device = world.authorizeDevice();
  SUBCASE("done without a person") {
    world.flow->forced_status = "done";
    CHECK(World::codeOf(world.poll(device)) == "plugin_failed");
    CHECK(world.count("devices") == 0);
  }
  SUBCASE("a weak user code") {
    world.flow->forced_user_code = "1234";
    const auto r = world.route(world.request("POST", "/oauth/device_authorization", World::encode({{"client_id", "ccp-cli"}})));
    CHECK(World::codeOf(r) == "plugin_failed");
  }
  SUBCASE("a user code that is taken") {
    world.flow->forced_user_code = device.strOr("user_code");
    const auto r = world.route(world.request("POST", "/oauth/device_authorization", World::encode({{"client_id", "ccp-cli"}})));
    CHECK(World::codeOf(r) == "overloaded");
  }
  SUBCASE("no plugin") {
    world.flow->missing = true;
    const auto r = world.route(world.request("POST", "/oauth/device_authorization", World::encode({{"client_id", "ccp-cli"}})));
    CHECK(r.status == 503);
  }
}

CCP_DB_TEST("malformed OAuth requests get their RFC 6749 errors", &identity::kMigrations) {
  World world(env, db);
  const auto proof = [&] { return world.proof(world.device_key); };
  struct Row {
    Form form;
    const char* error;
    int status;
  };
  const std::string device_grant(identity::kGrantDevice);
  for (const Row& row : {Row{{}, "invalid_request", 400}, Row{{{"grant_type", "password"}, {"client_id", "ccp-cli"}}, "unsupported_grant_type", 400},
                         Row{{{"grant_type", device_grant}}, "invalid_client", 401},
                         Row{{{"grant_type", device_grant}, {"client_id", "evil"}}, "invalid_client", 401},
                         Row{{{"grant_type", device_grant}, {"client_id", "ccp-cli"}}, "invalid_request", 400},
                         Row{{{"grant_type", device_grant}, {"client_id", "ccp-cli"}, {"client_id", "ccp-cli"}, {"device_code", "x"}}, "invalid_request", 400},
                         Row{{{"grant_type", "refresh_token"}, {"client_id", "ccp-cli"}}, "invalid_request", 400},
                         Row{{{"grant_type", "refresh_token"}, {"client_id", "ccp-cli"}, {"refresh_token", "x"}}, "invalid_grant", 400},
                         Row{{{"grant_type", std::string(identity::kGrantJwt)}}, "invalid_request", 400},
                         Row{{{"grant_type", std::string(identity::kGrantJwt)}, {"client_id", "evil"}, {"assertion", "x"}}, "invalid_client", 401},
                         Row{{{"grant_type", std::string(identity::kGrantJwt)}, {"assertion", "x"}}, "invalid_grant", 400}}) {
    const auto response = world.tokenWith(row.form, proof());
    CAPTURE(response.body);
    CHECK(World::errorOf(response) == row.error);
    CHECK(response.status == row.status);
    CHECK(response.headers.get("Cache-Control") == "no-store");
  }
  auto json = world.request("POST", "/oauth/token", "{}");
  json.headers.set("Content-Type", "application/json");
  CHECK(World::errorOf(world.route(json)) == "invalid_request");
  auto basic = world.request("POST", "/oauth/token", "grant_type=refresh_token");
  basic.headers.add("Authorization", "Basic Y2NwLWNsaTo=");
  CHECK(World::errorOf(world.route(basic)) == "invalid_client");
  const auto scope = world.route(world.request("POST", "/oauth/device_authorization", World::encode({{"client_id", "ccp-cli"}, {"scope", "root"}})));
  CHECK(World::errorOf(scope) == "invalid_scope");
  const auto client = world.route(world.request("POST", "/oauth/device_authorization", World::encode({{"client_id", "evil"}})));
  CHECK(client.status == 401);
}

CCP_DB_TEST("the token endpoint takes one fresh proof for its own address", &identity::kMigrations) {
  World world(env, db);
  const auto device = world.authorizeDevice();
  const Form form{{"grant_type", std::string(identity::kGrantDevice)}, {"device_code", device.strOr("device_code")}, {"client_id", "ccp-cli"}};
  const auto now = world.clock.now();
  const auto& key = world.device_key;
  const std::string url = "https://ccp.test/oauth/token";
  const auto check = [&](const std::string& proof) { return World::errorOf(world.tokenWith(form, proof)); };

  CHECK(check("") == "invalid_dpop_proof");
  CHECK(check("nonsense") == "invalid_dpop_proof");
  CHECK(check(crypto::makeDpopProof(key, "GET", url, "j1", now)) == "invalid_dpop_proof");
  CHECK(check(crypto::makeDpopProof(key, "POST", "https://evil.test/oauth/token", "j2", now)) == "invalid_dpop_proof");
  CHECK(check(crypto::makeDpopProof(key, "POST", url, "j3", now - minutes(6))) == "invalid_dpop_proof");
  CHECK(check(crypto::makeDpopProof(key, "POST", url, "j4", now + minutes(2))) == "invalid_dpop_proof");
  const auto good = crypto::makeDpopProof(key, "POST", url, "j5", now);
  CHECK(check(good) == "authorization_pending");
  CHECK(check(good) == "invalid_dpop_proof");  // replayed
  SUBCASE("another node knows the proof, too") {
    const auto other = env.openAnother();
    identity::StoredReplayGuard guard(*other);
    CHECK_FALSE(*guard.firstUse(key.publicKey().thumbprint(), "j5", now + minutes(5)));
    CHECK(*guard.firstUse(key.publicKey().thumbprint(), "j6", now + minutes(5)));
  }
  SUBCASE("two proofs are one too many") {
    auto r = world.request("POST", "/oauth/token", World::encode(form));
    r.headers.add("DPoP", crypto::makeDpopProof(key, "POST", url, "j7", now));
    r.headers.add("DPoP", crypto::makeDpopProof(key, "POST", url, "j8", now));
    CHECK(World::errorOf(world.route(r)) == "invalid_dpop_proof");
  }
}

CCP_DB_TEST("refresh tokens rotate, forgive one lost answer, and reuse ends the log-in", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto first = world.connect(browser, world.device_key).strOr("refresh_token");
  const auto sid = world.licensing.last.device.sid;

  const auto second_answer = world.refresh(first, world.device_key);
  REQUIRE(second_answer.status == 200);
  const auto second = parseJson(second_answer.body)->strOr("refresh_token");
  CHECK(second != first);
  CHECK(world.licensing.last.device.sid == sid);

  SUBCASE("another key cannot use it, and cannot spoil it") {
    CHECK(World::errorOf(world.refresh(second, crypto::SigningKey::generate(world.random))) == "invalid_grant");
    CHECK(world.refresh(second, world.device_key).status == 200);
  }
  SUBCASE("the answer got lost: the same key may repeat within a minute, and both lines live") {
    world.clock.advance(seconds(59));
    const auto again = world.refresh(first, world.device_key);
    REQUIRE(again.status == 200);
    CHECK(world.refresh(second, world.device_key).status == 200);
    CHECK(world.refresh(parseJson(again.body)->strOr("refresh_token"), world.device_key).status == 200);
    CHECK(world.licensing.revoked.empty());
  }
  SUBCASE("reuse after the grace revokes everything") {
    world.clock.advance(seconds(60));
    CHECK(World::errorOf(world.refresh(first, world.device_key)) == "invalid_grant");
    CHECK(World::errorOf(world.refresh(second, world.device_key)) == "invalid_grant");
    CHECK(world.licensing.revoked == std::vector<std::string>{sid});
    CHECK(world.count("devices where state = 'revoked'") == 1);
    CHECK(world.count("audit_log where action = 'device.revoke' and actor = 'system'") == 1);
  }
  SUBCASE("reuse by another key revokes at once") {
    CHECK(World::errorOf(world.refresh(first, crypto::SigningKey::generate(world.random))) == "invalid_grant");
    CHECK(World::errorOf(world.refresh(second, world.device_key)) == "invalid_grant");
    CHECK(world.licensing.revoked == std::vector<std::string>{sid});
  }
  SUBCASE("90 idle days end it; use keeps it") {
    world.clock.advance(hours(24 * 89));
    const auto third = world.refresh(second, world.device_key);
    REQUIRE(third.status == 200);
    world.clock.advance(hours(24 * 89));
    const auto fourth = world.refresh(parseJson(third.body)->strOr("refresh_token"), world.device_key);
    REQUIRE(fourth.status == 200);
    world.clock.advance(hours(24 * 90));
    CHECK(World::errorOf(world.refresh(parseJson(fourth.body)->strOr("refresh_token"), world.device_key)) == "invalid_grant");
  }
  SUBCASE("a narrower scope is for one access token, a wider one is refused") {
    const auto narrow = world.tokenWith({{"grant_type", "refresh_token"}, {"refresh_token", second}, {"client_id", "ccp-cli"}, {"scope", "dash"}},
                                        world.proof(world.device_key));
    REQUIRE(narrow.status == 200);
    CHECK(parseJson(narrow.body)->strOr("scope") == "dash");
    const auto third = parseJson(narrow.body)->strOr("refresh_token");
    const auto wide = world.tokenWith({{"grant_type", "refresh_token"}, {"refresh_token", third}, {"client_id", "ccp-cli"}, {"scope", "dash root"}},
                                      world.proof(world.device_key));
    CHECK(World::errorOf(wide) == "invalid_scope");
    CHECK(parseJson(world.refresh(third, world.device_key).body)->strOr("scope") == identity::kAllScopes);
  }
  SUBCASE("a person whose seat is gone gets nothing") {
    REQUIRE(world.inSystem([&](db::Tx& tx) {
      return world.directory.revokeSeat(tx, world.licensing.last.org.id, world.licensing.last.device.seat, "operator", "left");
    }));
    CHECK(World::errorOf(world.refresh(second, world.device_key)) == "invalid_grant");
    CHECK(world.licensing.revoked == std::vector<std::string>{sid});
  }
}

CCP_DB_TEST("revoking a refresh token ends the device; unknown tokens are fine", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto token = world.connect(browser, world.device_key).strOr("refresh_token");
  const auto revoke = [&](const Form& form) { return world.route(world.request("POST", "/oauth/revoke", World::encode(form))); };
  CHECK(World::errorOf(revoke({{"token", token}, {"client_id", "evil"}})) == "invalid_client");
  CHECK(World::errorOf(revoke({{"client_id", "ccp-cli"}})) == "invalid_request");
  CHECK(World::errorOf(revoke({{"token", "a.b.c"}, {"client_id", "ccp-cli"}})) == "unsupported_token_type");
  CHECK(revoke({{"token", "unknown"}, {"client_id", "ccp-cli"}}).status == 200);
  CHECK(world.licensing.revoked.empty());
  CHECK(revoke({{"token", token}, {"client_id", "ccp-cli"}, {"token_type_hint", "refresh_token"}}).status == 200);
  CHECK(world.licensing.revoked.size() == 1);
  CHECK(revoke({{"token", token}, {"client_id", "ccp-cli"}}).status == 200);
  CHECK(world.licensing.revoked.size() == 1);
  CHECK(World::errorOf(world.refresh(token, world.device_key)) == "invalid_grant");

  // The same key may log in again: as another device with another session id.
  const auto old_sid = world.licensing.revoked[0];
  world.connect(browser, world.device_key);
  CHECK(world.licensing.last.device.sid != old_sid);
  CHECK(world.count("devices") == 2);
}

CCP_DB_TEST("a pack is exchanged for an access token by its own device only", &identity::kMigrations) {
  World world(env, db);
  auto browser = world.signedIn("anna@acme.dev");
  const auto answer = world.connect(browser, world.device_key);
  const auto device = world.licensing.last.device;
  const auto jkt = world.device_key.publicKey().thumbprint();
  world.licensing.packs["good"] = {device.org, device.seat, device.sid, jkt};
  const auto other = crypto::SigningKey::generate(world.random);
  const auto exchange = [&](const std::string& pack, const crypto::SigningKey& key) {
    return world.tokenWith({{"grant_type", std::string(identity::kGrantJwt)}, {"assertion", pack}}, world.proof(key));
  };
  const auto good = exchange("good", world.device_key);
  REQUIRE(good.status == 200);
  CHECK(parseJson(good.body)->strOr("token_type") == "DPoP");
  CHECK(parseJson(good.body)->find("refresh_token") == nullptr);
  CHECK(world.licensing.last.device.sid == device.sid);

  CHECK(World::errorOf(exchange("good", other)) == "invalid_grant");
  CHECK(World::errorOf(exchange("forged", world.device_key)) == "invalid_grant");
  // The pack names another device's session, or another org's.
  world.licensing.packs["foreign"] = {"org_other", device.seat, device.sid, jkt};
  CHECK(World::errorOf(exchange("foreign", world.device_key)) == "invalid_grant");
  world.licensing.packs["no-org"] = {"", device.seat, device.sid, jkt};
  CHECK(World::errorOf(exchange("no-org", world.device_key)) == "invalid_grant");
  REQUIRE(world.inSystem([&](db::Tx& tx) { return world.directory.revokeDevice(tx, device.org, device.sid, "operator", "stolen"); }));
  CHECK(World::errorOf(exchange("good", world.device_key)) == "invalid_grant");
}
