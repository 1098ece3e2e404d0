// Orgs, seats, API keys and housekeeping.
#include "core/identity/queued_mailer.hpp"
#include "tests/integration/identity/world.hpp"
#include "tests/support/schema_rules.hpp"

#include <condition_variable>

using namespace ccp;
using namespace ccp::test;

CCP_DB_TEST("the schema of identity keeps the rules", &identity::kMigrations) {
  for (const auto& sentence : schemaViolations(db)) FAIL_CHECK(sentence);
}

CCP_DB_TEST("an organization is made with owner, seat and license in one deed", &identity::kMigrations) {
  World world(env, db);
  auto org = world.inSystem([&](db::Tx& tx) { return world.directory.createOrg(tx, "Acme\n Inc", "Owner@Acme.dev", "operator"); });
  REQUIRE(org);
  CHECK(org->name == "Acme Inc");
  REQUIRE(db.read(db::Scope::org(org->id), [&](db::Tx& tx) -> Status {
    auto& directory = world.directory;
    CHECK(directory.ownerEmail(tx, org->id) == std::optional<std::string>("owner@acme.dev"));
    const auto owner = directory.userByEmail(tx, "OWNER@acme.dev");
    REQUIRE(owner);
    CHECK(directory.membership(tx, org->id, owner->id)->role == "owner");
    CHECK(directory.membershipsOf(tx, owner->id).size() == 1);
    const auto seat = directory.seatOf(tx, org->id, owner->id);
    REQUIRE(seat);
    CHECK(seat->state == "claimed");
    CHECK(directory.seatsInUse(tx, org->id) == 1);
    CHECK(directory.org(tx, org->id)->name == "Acme Inc");
    CHECK_FALSE(directory.org(tx, "org_none"));
    CHECK_FALSE(directory.deviceBySid(tx, org->id, "ses_none"));
    CHECK(directory.user(tx, owner->id)->email == "owner@acme.dev");
    return {};
  }));
  CHECK(world.licensing.orgs == std::vector<std::string>{org->id});
  for (const auto& [name, email] : {std::pair{"", "a@b.c"}, {"\n", "a@b.c"}, {"Acme", "no address"}}) {
    auto bad = world.inSystem([&, n = name, e = email](db::Tx& tx) { return world.directory.createOrg(tx, n, e, "operator"); });
    REQUIRE_FALSE(bad);
    CHECK(bad.error().code == Errc::validation_failed);
  }
  auto second = world.inSystem([&](db::Tx& tx) { return world.directory.createOrg(tx, "Zweite", "owner@acme.dev", "operator"); });
  REQUIRE(second);
  auto all = world.inSystem([&](db::Tx& tx) -> Result<std::vector<identity::Org>> { return world.directory.listOrgs(tx, "", 10); });
  REQUIRE(all->size() == 2);
  auto rest = world.inSystem([&](db::Tx& tx) -> Result<std::vector<identity::Org>> { return world.directory.listOrgs(tx, (*all)[0].id, 10); });
  CHECK(rest->size() == 1);
}

CCP_DB_TEST("seats are invited within the plan, once for each address, and revoked with their devices", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  const auto org = world.principal(anna).org;
  const auto invite = [&](const std::string& email, const std::string& role = "member", const std::string& to = "") {
    return world.inSystem([&](db::Tx& tx) { return world.directory.inviteSeat(tx, to.empty() ? org : to, {email, "", role, "user:x"}); });
  };
  CHECK(invite("bert@acme.dev").error().code == Errc::plan_required);
  world.licensing.seat_limit = 2;
  CHECK(invite("bert@acme.dev", "owner").error().code == Errc::validation_failed);
  CHECK(invite("bert@acme.dev", "king").error().code == Errc::validation_failed);
  CHECK(invite("bert@acme.dev", "member", "org_none").error().code == Errc::not_found);
  CHECK(invite("anna@acme.dev").error().code == Errc::already_exists);
  const auto seat = invite("Bert@acme.dev");
  REQUIRE(seat);
  CHECK(seat->state == "invited");
  CHECK(invite("carl@acme.dev").error().code == Errc::plan_required);  // an invitation uses a seat

  auto bert = world.signedIn("bert@acme.dev");
  CHECK(world.principal(bert).seat == seat->id);
  const auto token = world.connect(bert, world.device_key).strOr("refresh_token");
  const auto sid = world.licensing.last.device.sid;
  const auto revoke = [&] { return world.inSystem([&](db::Tx& tx) { return world.directory.revokeSeat(tx, org, seat->id, "user:x", "left"); }); };
  REQUIRE(revoke());
  REQUIRE(revoke());  // again: nothing changes
  CHECK(world.licensing.revoked == std::vector<std::string>{sid});
  CHECK(World::errorOf(world.refresh(token, world.device_key)) == "invalid_grant");
  CHECK(world.principal(bert).org.empty());
  CHECK(world.count("outbox where type in ('seat.invited', 'seat.revoked')") == 2);
  CHECK(world.count("audit_log where action = 'seat.revoke'") == 1);
  CHECK(invite("bert@acme.dev"));  // the address may come back
  auto unknown = world.inSystem([&](db::Tx& tx) { return world.directory.revokeSeat(tx, "org_other", seat->id, "user:x", ""); });
  CHECK(unknown.error().code == Errc::not_found);
}

CCP_DB_TEST("an API key is shown once, acts for one organization, and ends when revoked", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  auto eve = world.signedIn("eve@evil.dev");
  const auto who = world.device(anna);
  CHECK(world.keys.create(who, "", "usage").error().code == Errc::validation_failed);
  CHECK(world.keys.create(who, "CI", "usage root").error().code == Errc::validation_failed);
  const auto made = world.keys.create(who, "CI", "usage");
  REQUIRE(made);
  CHECK(made->secret.rfind("ccp_sk_", 0) == 0);
  CHECK(made->secret.size() > 45);
  CHECK(world.count("api_keys where hash = '" + made->secret + "'") == 0);

  const auto bearer = [&](const std::string& value) {
    auto r = world.request("GET", "/v1/plans");
    r.headers.add("Authorization", value);
    return world.keys.authenticate(r);
  };
  const auto principal = bearer("Bearer " + made->secret);
  REQUIRE(principal);
  CHECK(principal->kind == http::PrincipalKind::api_key);
  CHECK(principal->org == who.org);
  CHECK(principal->actor() == "key:" + made->key.id);
  CHECK(principal->hasScope("usage"));
  CHECK_FALSE(principal->hasScope("billing"));
  for (const std::string& bad : std::vector<std::string>{"", "Bearer ", "Basic " + made->secret, "Bearer " + made->secret + "x", "Bearer ccp_op_x",
                          "Bearer ccp_sk_" + std::string(200, 'a')}) {
    CAPTURE(bad);
    CHECK_FALSE(bearer(bad));
  }
  REQUIRE(world.keys.list(who));
  CHECK(world.keys.list(who)->size() == 1);
  CHECK((*world.keys.list(who))[0].last_used_at);
  CHECK(world.keys.list(world.device(eve))->empty());
  CHECK(world.keys.revoke(world.device(eve), made->key.id).error().code == Errc::not_found);
  // What counts is the role of now, not the one that a token of some minutes ago says.
  const auto become = [&](const char* role) {
    REQUIRE(world.inSystem([&](db::Tx& tx) -> Status {
      tx.exec("update members set role = :role where org_id = :org", {{"role", std::string(role)}, {"org", who.org}});
      return {};
    }));
  };
  become("member");
  REQUIRE(who.role == "owner");
  CHECK(world.keys.create(who, "x", "").error().code == Errc::forbidden);
  CHECK(world.keys.list(who).error().code == Errc::forbidden);
  CHECK(world.keys.revoke(who, made->key.id).error().code == Errc::forbidden);
  become("admin");
  REQUIRE(world.keys.revoke(who, made->key.id));
  CHECK_FALSE(bearer("Bearer " + made->secret));
  CHECK(world.keys.revoke(who, made->key.id).error().code == Errc::not_found);
}

CCP_DB_TEST("an API key can do no more than the credential that makes it", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  auto who = world.device(anna);
  CHECK(world.keys.create(who, "all", "")->key.scopes == identity::kAllScopes);
  CHECK(world.keys.create(who, "gateway", "introspect")->key.scopes == "introspect");
  who.scopes = {"usage", "billing"};
  CHECK(world.keys.create(who, "less", "")->key.scopes == "usage billing");
  CHECK(world.keys.create(who, "reads", "policy")->key.scopes == "policy");
  CHECK(world.keys.create(who, "asks", "introspect usage")->key.scopes == "usage introspect");
  CHECK(world.keys.create(who, "more", "usage license").error().code == Errc::forbidden);
  who.scopes = {"usage", "license"};
  CHECK(world.keys.create(who, "any", "usage").error().code == Errc::forbidden);
  CHECK(world.keys.list(who).error().code == Errc::forbidden);
  // Nor does a key make keys: it is nobody's.
  auto key = world.device(anna);
  key.user.clear();
  CHECK(world.keys.create(key, "child", "usage").error().code == Errc::forbidden);
}

CCP_DB_TEST("an organization has at most a hundred API keys in force", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  const auto who = world.device(anna);
  std::string last;
  for (int i = 0; i < identity::ApiKeys::kMost; ++i) last = world.keys.create(who, "k", "usage")->key.id;
  CHECK(world.keys.create(who, "k", "usage").error().code == Errc::conflict);
  REQUIRE(world.keys.revoke(who, last));
  CHECK(world.keys.create(who, "k", "usage"));
}

CCP_DB_TEST("API keys are managed over the API", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  const auto who = world.device(anna);
  const std::string path = "/v1/org/api-keys";
  const auto made = world.api(who, "POST", path, *parseJson(R"({"name":"CI","scopes":["usage","introspect"]})"));
  REQUIRE(made.status == 201);
  CHECK(made.headers.get("Cache-Control") == "no-store");
  const Json body = *parseJson(made.body);
  CHECK(world.keys.authenticate(body.strOr("secret")).has_value());
  const std::string id = body["api_key"].strOr("id");
  const auto listed = world.api(who, "GET", path);
  CHECK(listed.status == 200);
  CHECK(listed.body.find(body.strOr("secret")) == std::string::npos);
  CHECK(parseJson(listed.body)->at("/api_keys/0/scopes/1")->asString() != nullptr);
  CHECK(world.api(who, "DELETE", path + "/" + id).status == 204);
  CHECK_FALSE(world.keys.authenticate(body.strOr("secret")).has_value());
  CHECK(world.api(who, "DELETE", path + "/" + id).status == 404);
  for (const char* bad : {R"({})", R"([])", R"({"name":""})", R"({"name":"x","scopes":[]})", R"({"name":"x","scopes":"usage"})",
                          R"({"name":"x","scopes":["usage license"]})", R"({"name":"x","scopes":[1]})", R"({"name":"x","scopes":["root"]})",
                          R"({"name":"x","more":1})", R"({"name":5})"}) {
    CAPTURE(bad);
    const auto refused = world.api(who, "POST", path, *parseJson(bad));
    CHECK(refused.status == 422);
    CHECK(World::codeOf(refused) == "validation_failed");
  }
}

CCP_DB_TEST("an operator revokes a session of any organization by its sid", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  world.connect(anna, world.device_key);
  const auto device = world.licensing.last.device;
  const auto revoke = [&](const std::string& org, const std::string& sid) {
    return world.inSystem([&](db::Tx& tx) { return world.directory.revokeDevice(tx, org, sid, "operator", "stolen"); });
  };
  CHECK(revoke("org_other", device.sid).error().code == Errc::not_found);
  CHECK(revoke("", "ses_none").error().code == Errc::not_found);
  const auto gone = revoke("", device.sid);
  REQUIRE(gone);
  CHECK(gone->id == device.id);
  CHECK(gone->state == "revoked");
  CHECK(world.licensing.revoked == std::vector<std::string>{device.sid});
}

CCP_DB_TEST("housekeeping removes what expired and nothing else", &identity::kMigrations) {
  World world(env, db);
  auto anna = world.signedIn("anna@acme.dev");
  const auto token = world.connect(anna, world.device_key).strOr("refresh_token");
  world.authorizeDevice();
  REQUIRE(identity::sweepExpired(db, world.clock));
  CHECK(world.count("browser_sessions") == 1);
  CHECK(world.count("device_grants") == 2);
  CHECK(world.count("dpop_replays") > 0);
  world.clock.advance(hours(13));
  REQUIRE(identity::sweepExpired(db, world.clock));
  for (const char* table : {"browser_sessions", "device_grants", "dpop_replays", "login_requests", "attempt_counters"}) {
    CAPTURE(table);
    CHECK(world.count(table) == 0);
  }
  CHECK(world.count("refresh_tokens") == 1);
  CHECK(world.refresh(token, world.device_key).status == 200);
  world.clock.advance(hours(24 * 98));
  REQUIRE(identity::sweepExpired(db, world.clock));
  CHECK(world.count("refresh_tokens") == 0);
}

TEST_CASE("queued mail is sent on another thread, in order, and refused beyond its bound") {
  struct Slow : net::Mailer {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
    std::vector<std::string> sent;
    Status send(const net::Mail& mail) override {
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return open; });
      sent.push_back(mail.to);
      changed.notify_all();
      if (mail.to == "b") return fail(Errc::unavailable, "no");
      return {};
    }
  } slow;
  {
    identity::QueuedMailer queued(slow, 2);
    REQUIRE(queued.send({"a", "", ""}));
    int taken = 0;  // one may be in the sender's hands already
    Status last;
    while ((last = queued.send({"b", "", ""}))) ++taken;
    CHECK(last.error().code == Errc::overloaded);
    CHECK(taken >= 1);
    std::unique_lock lock(slow.mutex);
    slow.open = true;
    slow.changed.notify_all();
    REQUIRE(slow.changed.wait_for(lock, std::chrono::seconds(20), [&] { return slow.sent.size() >= 2; }));
    CHECK(slow.sent[0] == "a");
  }
}
