// The approve page, device limits, and who may log out which device.
#include "tests/integration/identity/world.hpp"

using namespace ccp;
using namespace ccp::test;

CCP_DB_TEST("approval needs a session and its form token", &identity::kMigrations) {
  World world(env, db);
  const auto device = world.authorizeDevice();
  Browser nobody;
  CHECK(World::codeOf(world.browse(nobody, "GET", "/device?user_code=" + device.strOr("user_code"))) == "unauthenticated");
  CHECK(World::codeOf(world.browse(nobody, "POST", "/device", {{"user_code", device.strOr("user_code")}, {"decision", "approve"}})) == "unauthenticated");

  auto anna = world.signedIn("anna@acme.dev");
  auto bert = world.signedIn("bert@acme.dev");
  const auto org = world.principal(anna).org;
  const Form form{{"user_code", device.strOr("user_code")}, {"decision", "approve"}, {"org", org}};
  const auto with = [&](const std::string& token) {
    auto out = form;
    out.emplace_back("csrf", token);
    return out;
  };
  CHECK(World::codeOf(world.browse(anna, "POST", "/device", form)) == "csrf_failed");
  CHECK(World::codeOf(world.browse(anna, "POST", "/device", with("x"))) == "csrf_failed");
  CHECK(World::codeOf(world.browse(anna, "POST", "/device", with(world.csrf(bert)))) == "csrf_failed");
  // Looking at the page approves nothing.
  CHECK(world.browse(anna, "GET", "/device?user_code=" + device.strOr("user_code") + "&decision=approve").status == 200);
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");
  // Not for an organization of somebody else.
  auto foreign = with(world.csrf(bert));
  CHECK(world.browse(bert, "POST", "/device", foreign).status == 404);
  CHECK(world.browse(anna, "POST", "/device", with(world.csrf(anna))).status == 200);
  CHECK(world.poll(device).status == 200);
}

CCP_DB_TEST("five wrong user codes lock the session and the address, not others", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  auto bert = world.signedIn("bert@acme.dev");
  bert.address = "192.0.2.44";
  const auto device = world.authorizeDevice();
  const auto right = "/device?user_code=" + device.strOr("user_code");
  for (int i = 0; i < 5; ++i) CHECK(world.browse(anna, "GET", "/device?user_code=BBBB-BBBB").status == 401);
  CHECK(world.browse(anna, "GET", right).status == 429);
  SUBCASE("the session, wherever it is") {
    anna.address = "192.0.2.99";
    CHECK(world.browse(anna, "GET", right).status == 429);
    CHECK(world.decide(anna, device, "approve").status == 429);
  }
  SUBCASE("the address, whoever asks") {
    auto other = bert;
    other.address = anna.address;
    CHECK(world.browse(other, "GET", right).status == 429);
  }
  SUBCASE("others go on") { CHECK(world.browse(bert, "GET", right).status == 200); }
  SUBCASE("time forgives") {
    world.clock.advance(minutes(15));
    const auto fresh = world.authorizeDevice();
    CHECK(world.browse(anna, "GET", "/device?user_code=" + fresh.strOr("user_code")).status == 200);
  }
}

CCP_DB_TEST("hostile text on the approve page stays text", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  const auto device = world.authorizeDevice("<script>alert(1)</script>");
  const auto page = world.browse(anna, "GET", "/device?user_code=" + device.strOr("user_code"));
  CHECK(page.body.find("<script>alert") == std::string::npos);
  CHECK(page.body.find("&lt;script&gt;alert(1)") != std::string::npos);
  CHECK(page.headers.get("Content-Security-Policy").find("frame-ancestors 'none'") != std::string::npos);
}

CCP_DB_TEST("a seat has as many devices as its plan allows; one more replaces another", &identity::kMigrations) {
  World world(env, db);
  world.licensing.device_limit = 2;
  auto anna = world.signedIn("anna@acme.dev");
  const auto key2 = crypto::SigningKey::generate(world.random);
  const auto key3 = crypto::SigningKey::generate(world.random);
  world.connect(anna, world.device_key, "one");
  const auto first = world.licensing.last.device;
  world.connect(anna, key2, "two");

  SUBCASE("the same key logs in again: no new device, and the old refresh token ends") {
    world.connect(anna, key2, "two renamed");
    CHECK(world.licensing.last.device.hostname == "two renamed");
    CHECK(world.count("devices") == 2);
    CHECK(world.count("refresh_tokens where state = 'active'") == 2);
  }
  SUBCASE("the page refuses and offers to log another one out") {
    const auto device = world.authorizeDevice("three");
    REQUIRE(World::errorOf(world.poll(device, key3)) == "authorization_pending");
    const auto refused = world.decide(anna, device, "approve");
    CHECK(refused.status == 403);
    CHECK(refused.body.find(first.id) != std::string::npos);
    CHECK(world.decide(anna, device, "approve", {{"replace", "dev_unknown"}}).status == 404);
    CHECK(world.decide(anna, device, "approve", {{"replace", first.id}}).status == 200);
    world.clock.advance(seconds(5));
    CHECK(world.poll(device, key3).status == 200);
    CHECK(world.licensing.revoked == std::vector<std::string>{first.sid});
    CHECK(world.count("devices where state = 'active'") == 2);
  }
  SUBCASE("the token endpoint has the last word") {
    const auto device = world.authorizeDevice("three");
    REQUIRE(world.decide(anna, device, "approve").status == 200);  // whose key it is, nobody knows yet
    const auto full = world.poll(device, key3);
    CHECK(World::errorOf(full) == "access_denied");
    CHECK(full.body.find("device_limit") != std::string::npos);
    CHECK(World::errorOf(world.poll(device, key3)) == "invalid_grant");
    CHECK(world.count("devices") == 2);
  }
}

CCP_DB_TEST("people see and log out their own devices, admins those of the organization, others nothing", &identity::kMigrations) {
  World world(env, db);
  world.licensing.seat_limit = 5;
  auto anna = world.signedIn("anna@acme.dev");
  const auto org = world.principal(anna).org;
  REQUIRE(world.inSystem([&](db::Tx& tx) { return world.directory.inviteSeat(tx, org, {"bert@acme.dev", "", "member", "user:x"}); }));
  auto bert = world.signedIn("bert@acme.dev");
  CHECK(world.principal(bert).org == org);  // invited: no personal organization
  auto eve = world.signedIn("eve@evil.dev");
  world.connect(anna, world.device_key, "annas");
  const auto annas = world.licensing.last.device;
  world.connect(bert, crypto::SigningKey::generate(world.random), "berts");
  const auto berts = world.licensing.last.device;

  const auto call = [&](Browser& browser, const std::string& method, const std::string& target) {
    auto r = world.request(method, target);
    r.principal = world.principal(browser);
    return world.route(r);
  };
  const auto mine = *parseJson(call(bert, "GET", "/v1/devices").body);
  REQUIRE(mine["devices"].size() == 1);
  CHECK(mine["devices"].items()[0].strOr("hostname") == "berts");
  CHECK(call(bert, "GET", "/v1/devices?all=1").status == 403);
  CHECK(parseJson(call(anna, "GET", "/v1/devices?all=1").body)->find("devices")->size() == 2);

  CHECK(call(bert, "DELETE", "/v1/devices/" + annas.id).status == 404);
  CHECK(call(eve, "DELETE", "/v1/devices/" + annas.id).status == 404);
  CHECK(call(eve, "GET", "/v1/devices?all=1").body.find(annas.id) == std::string::npos);
  CHECK(call(bert, "DELETE", "/v1/devices/dev_unknown").status == 404);
  CHECK(world.licensing.revoked.empty());
  CHECK(call(anna, "DELETE", "/v1/devices/" + berts.id).status == 204);
  CHECK(call(anna, "DELETE", "/v1/devices/" + berts.id).status == 204);  // again: nothing changes
  CHECK(world.licensing.revoked == std::vector<std::string>{berts.sid});
  CHECK(world.count("audit_log where action = 'device.revoke'") == 1);
  // From the page, too.
  CHECK(World::codeOf(world.browse(anna, "POST", "/device/revoke", {{"device", annas.id}})) == "csrf_failed");
  CHECK(world.browse(anna, "POST", "/device/revoke", {{"device", annas.id}, {"csrf", world.csrf(anna)}}).status == 303);
  CHECK(world.licensing.revoked.size() == 2);
}

CCP_DB_TEST("a viewer and a person without a seat connect nothing", &identity::kMigrations) {
  World world(env, db, "closed", config::Mode::prod);
  world.licensing.seat_limit = 3;
  auto org = world.inSystem([&](db::Tx& tx) { return world.directory.createOrg(tx, "Acme", "owner@acme.dev", "operator"); });
  REQUIRE(org);
  REQUIRE(world.inSystem([&](db::Tx& tx) { return world.directory.inviteSeat(tx, org->id, {"viewer@acme.dev", "", "viewer", "operator"}); }));
  auto viewer = world.signedIn("viewer@acme.dev");
  const auto device = world.authorizeDevice();
  CHECK(world.browse(viewer, "GET", "/device?user_code=" + device.strOr("user_code")).body.find("in no organization") != std::string::npos);
  CHECK(world.decide(viewer, device, "approve").status == 403);
  CHECK(World::errorOf(world.poll(device)) == "authorization_pending");
}
