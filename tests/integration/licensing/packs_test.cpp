// Issue, refresh, status and the public documents, through their routes.
#include "core/crypto/pack_verifier.hpp"
#include "core/licensing/routes.hpp"
#include "tests/integration/licensing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;

namespace {

Result<Json> get(Node& node, const char* method, const char* path, const http::Principal& principal, const std::string& body = "") {
  http::Router router;
  node.feature->addRoutes(router);
  const auto match = router.match(method, path);
  REQUIRE(match.route);
  http::Request request;
  request.method = method;
  request.path = request.target = path;
  request.principal = principal;
  request.body = body;
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  auto response = match.route->handler(request);
  if (!response) return fail(response.error());
  CHECK(response->status == 200);
  return parseJson(response->body);
}

crypto::KeyRing ringOf(World& w, const Json& envelope, const Json& configuration) {
  const auto root = crypto::publicKeyFromJwk(configuration["root_keys"].items().at(0));
  REQUIRE(root);
  auto ring = crypto::parseKeyRing(envelope.dump(), {{root->thumbprint(), *root}}, {.iss = w.settings.server.public_url, .now = w.env.clock.now()});
  if (!ring) FAIL(ring.error().text());
  return *ring;
}

}  // namespace

LICENSING_TEST("an issued pack verifies offline with the ring that came with it") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  const auto answer = get(w.node, "POST", kIssuePath, w.principal(), "{}");
  REQUIRE(answer);
  const auto configuration = *get(w.node, "GET", "/.well-known/ccp-configuration", {});
  CHECK(configuration.strOr("issuer") == "https://ccp.example");
  CHECK(configuration["product"]["id"] == Json("acme-cli"));
  CHECK(configuration.strOr("mode") == "dev");
  const auto ring = ringOf(w, (*answer)["keyring"], configuration);
  const crypto::PackExpectation expected{.iss = w.settings.server.public_url, .aud = "acme-cli", .jkt = w.grant.device.jkt, .now = env.clock.now()};
  const auto pack = crypto::verifyPack(answer->strOr("pack"), ring, expected);
  REQUIRE(pack);
  CHECK((pack->state == crypto::PackState::valid));
  const auto& c = pack->claims;
  CHECK(c.sub == w.grant.device.seat);
  CHECK(c.org == w.grant.org.id);
  CHECK(c.license == w.license().id);
  CHECK(c.sid == w.grant.device.sid);
  CHECK(c.version == 1);
  CHECK(c.plan == "team");
  CHECK(c.features == std::vector<std::string>{"zai_offload", "dashboards", "reviewer_bot"});
  CHECK(c.limits == Json::object({{"seats", 5}, {"devices", 5}}));
  CHECK(c.enforce["reviewer_bot"] == Json("enforce"));
  CHECK(c.privacy == "minimized");
  CHECK(c.seats == 5);
  CHECK(c.grace_s == 72 * 3600);
  CHECK((c.expires_at == env.clock.now() + hours(24 * 7)));
  CHECK(answer->strOr("expires_at") == formatRfc3339(c.expires_at));
  CHECK(answer->strOr("refresh_after_at") == formatRfc3339(env.clock.now() + hours(84)));
  // The same ring is served by itself, and as plain keys.
  CHECK(ringOf(w, *get(w.node, "GET", "/.well-known/ccp-keyring", {}), configuration).document() == ring.document());
  CHECK((*get(w.node, "GET", "/.well-known/jwks.json", {}))["keys"].size() == ring.keys.size());
}

LICENSING_TEST("a feature that the policies deny is left out, and the status says why") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  w.node.decider.answer = [](const policy::Question& question, policy::Decision& out) {
    const auto feature = question.input.strOr("feature");
    if (feature == "dashboards") {
      out.allow = false;
      out.reason = "Dashboards are closed today.";
      out.rule = "dashboards.closed";
    }
    if (feature == "zai_offload") out.obligations = Json::object({{"enforce", "warn"}});
    if (feature == "reviewer_bot") out.result = Json::object({{"enforce", "everything"}});  // no word that clients know
  };
  const auto answer = get(w.node, "POST", kIssuePath, w.principal(), "{}");
  REQUIRE(answer);
  const auto configuration = *get(w.node, "GET", "/.well-known/ccp-configuration", {});
  const crypto::PackExpectation expected{.iss = w.settings.server.public_url, .aud = "acme-cli", .jkt = w.grant.device.jkt, .now = env.clock.now()};
  const auto pack = crypto::verifyPack(answer->strOr("pack"), ringOf(w, (*answer)["keyring"], configuration), expected);
  REQUIRE(pack);
  CHECK(pack->claims.features == std::vector<std::string>{"zai_offload", "reviewer_bot"});
  CHECK(pack->claims.enforce == Json::object({{"zai_offload", "warn"}, {"reviewer_bot", "enforce"}}));

  REQUIRE(w.node.decider.asked.size() == 3);
  const auto& question = w.node.decider.asked.front();
  CHECK((question.point == policy::Point::feature_gate));
  CHECK(question.org == w.grant.org.id);
  CHECK(question.seat == w.grant.device.seat);
  CHECK(question.input.strOr("action") == "issue");
  CHECK(question.input["entitled"] == Json(true));
  CHECK(question.input["subject"].strOr("kind") == "user");
  CHECK(question.input["license"].strOr("state") == "active");

  const auto status = get(w.node, "GET", "/v1/license/status", w.principal());
  REQUIRE(status);
  const Json& license = (*status)["license"];
  CHECK(license["features"] == Json::array({"zai_offload", "reviewer_bot"}));
  REQUIRE(license["denied"].size() == 1);
  CHECK(license["denied"].items()[0].strOr("feature") == "dashboards");
  CHECK(license["denied"].items()[0].strOr("reason") == "Dashboards are closed today.");
  CHECK(license["denied"].items()[0].strOr("decision").starts_with("dec_"));
  CHECK(w.node.decider.asked.back().input.strOr("action") == "status");
}

LICENSING_TEST("a license that changes while the policies are asked is asked about again") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  int asked = 0;
  w.node.decider.answer = [&](const policy::Question& question, policy::Decision&) {
    if (asked++ == 0) w.bill({w.fact("active", "solo", 1)});
    if (asked > 3) CHECK(question.input["org"].strOr("plan") == "solo");
  };
  const auto who = w.principal();
  const auto answer = get(w.node, "POST", kIssuePath, who, "{}");
  REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().text()));
  CHECK(asked == 5);  // three features of team, then two of solo
}

LICENSING_TEST("one pack per seat and device: a refresh replaces it and tells so") {
  World w(env);
  REQUIRE(get(w.node, "POST", kIssuePath, w.principal(), "{}"));
  env.clock.advance(hours(84));
  w.node.feature->worker().runOnce();
  REQUIRE(get(w.node, "POST", kRefreshPath, w.principal(), "{}"));
  CHECK(w.count("select count(*) from packs") == 1);
  CHECK(w.count("select count(*) from outbox where type = 'license.issued'") == 2);
  CHECK(w.count("select count(*) from audit_log where action = 'license.issue'") == 1);
}

LICENSING_TEST("without a paid plan the pack is of the fallback plan, and its life has no end in the past") {
  World w(env);
  auto canceled = w.fact("canceled");
  canceled.ends_at = env.clock.now() - hours(100);
  w.bill({canceled});
  const auto answer = get(w.node, "POST", kIssuePath, w.principal(), "{}");
  REQUIRE(answer);
  const auto claims = crypto::PackClaims::from(crypto::parseJws(answer->strOr("pack"))->claims);
  CHECK(claims->plan == "community");
  CHECK(claims->features == std::vector<std::string>{"basics"});
  CHECK((claims->expires_at == env.clock.now() + hours(24 * 7)));
}

LICENSING_TEST("a seat beyond what is paid for gets no pack until there is room again; a viewer's gets none") {
  World w(env);
  w.bill({w.fact("active", "team", 2)});
  const auto& org = w.grant.org.id;
  const auto role = [&](const std::string& user, const char* to) {
    const auto done = env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      return w.node.directory.changeRole(tx, *w.node.directory.membership(tx, org, user), to, "operator");
    });
    REQUIRE(done);
  };
  const auto second = env.db().write(db::Scope::system(), [&](db::Tx& tx) -> Result<identity::User> {
    CCP_TRY([[maybe_unused]] const auto seat, w.node.directory.inviteSeat(tx, org, {"second@acme.example", "", "admin", "operator"}));
    return w.node.directory.signIn(tx, "second@acme.example", false);
  });
  REQUIRE(second);
  role(second->id, "owner");
  role(w.grant.user.id, "member");
  REQUIRE(get(w.node, "POST", kIssuePath, w.principal(), "{}"));
  w.bill({w.fact("active", "team", 1)});
  const auto refused = get(w.node, "POST", kRefreshPath, w.principal(), "{}");
  CHECK(codeOf(refused) == "seat_over_limit");
  CHECK(refused.error().httpStatus() == 402);
  const auto status = get(w.node, "GET", "/v1/license/status", w.principal());
  REQUIRE(status);
  CHECK((*status)["license"]["seats"] == Json::object({{"used", 2}, {"total", 1}}));
  CHECK((*status)["license"].strOr("notice").find("has assigned 2 seats and pays for 1") != std::string::npos);
  w.bill({w.fact("active", "team", 2)});
  CHECK(get(w.node, "POST", kRefreshPath, w.principal(), "{}"));
  const auto who = w.principal();
  role(w.grant.user.id, "viewer");
  CHECK_FALSE(get(w.node, "POST", kRefreshPath, who, "{}"));
}

LICENSING_TEST("a suspended org gets no pack at all, and status says why") {
  World w(env);
  w.bill({w.fact("active")});
  w.override_(AdminOverride::suspended);
  const auto refused = get(w.node, "POST", kIssuePath, w.principal(), "{}");
  CHECK(codeOf(refused) == "license_inactive");
  CHECK(refused.error().httpStatus() == 402);
  const auto status = get(w.node, "GET", "/v1/license/status", w.principal());
  REQUIRE(status);
  CHECK((*status)["license"]["state"] == Json("suspended"));
  CHECK((*status)["license"]["notice"].asString()->find("suspended") != std::string::npos);
}

LICENSING_TEST("a trial's pack ends with the trial") {
  World w(env);
  auto trial = w.fact("trialing");
  trial.trial_end_at = env.clock.now() + hours(24);
  w.bill({trial});
  const auto answer = get(w.node, "POST", kIssuePath, w.principal(), "{}");
  REQUIRE(answer);
  CHECK(answer->strOr("expires_at") == formatRfc3339(env.clock.now() + hours(24)));
}

LICENSING_TEST("status has every member that clients rely on") {
  World w(env);
  w.bill({w.fact("active", "solo", 1)});
  const auto status = get(w.node, "GET", "/v1/license/status", w.principal());
  REQUIRE(status);
  const Json expected = Json::object(
      {{"org", Json::object({{"id", w.grant.org.id}, {"name", "Acme"}})},
       {"user", Json::object({{"id", w.grant.user.id}, {"email", "owner@acme.example"}})},
       {"role", "owner"},
       {"seat", Json::object({{"id", w.grant.device.seat}, {"state", "claimed"}, {"github", nullptr}})},
       {"device", Json::object({{"id", w.grant.device.id}, {"hostname", "laptop"}})},
       {"license", Json::object({{"id", w.license().id},
                                 {"state", "active"},
                                 {"version", 1},
                                 {"plan", "solo"},
                                 {"plan_title", "Solo"},
                                 {"features", Json::array({"zai_offload", "dashboards"})},
                                 {"denied", Json::array()},
                                 {"limits", Json::object({{"seats", 1}, {"devices", 3}})},
                                 {"privacy", "minimized"},
                                 {"seats", Json::object({{"used", 1}, {"total", 1}})},
                                 {"ends_at", nullptr},
                                 {"reason", ""},
                                 {"notice", ""}})},
       {"server_time_at", formatRfc3339(env.clock.now())},
       {"heartbeat_interval_s", 240}});
  CHECK(status->pretty() == expected.pretty());

  http::Principal key;
  key.kind = http::PrincipalKind::api_key;
  key.org = w.grant.org.id;
  key.api_key = "key_1";
  key.scopes = {"license"};
  const auto by_key = get(w.node, "GET", "/v1/license/status", key);
  REQUIRE(by_key);
  for (const auto* name : {"user", "role", "seat", "device"}) CHECK((*by_key)[name].isNull());
  CHECK((*by_key)["license"] == (*status)["license"]);
  key.scopes = {"usage"};
  CHECK(codeOf(get(w.node, "GET", "/v1/license/status", key)) == "forbidden");
}

LICENSING_TEST("packs are refused to ended devices, revoked seats, wrong scopes and strange bodies") {
  World w(env);
  const auto principal = w.principal();
  CHECK(codeOf(get(w.node, "POST", kIssuePath, principal, R"({"plan":"team"})")) == "validation_failed");
  auto scoped = principal;
  scoped.scopes = {"usage"};
  CHECK(codeOf(get(w.node, "POST", kIssuePath, scoped, "{}")) == "forbidden");
  auto other_key = principal;
  other_key.jkt = std::string(43, 'A');
  CHECK(codeOf(get(w.node, "POST", kIssuePath, other_key, "{}")) == "token_revoked");
  const auto exec = [&](const char* sql) {
    REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      tx.exec(sql);
      return {};
    }));
  };
  exec("update seats set state = 'revoked'");
  CHECK(codeOf(get(w.node, "POST", kIssuePath, principal, "{}")) == "seat_required");
  exec("update seats set state = 'claimed'");
  exec("update devices set state = 'revoked'");
  CHECK(codeOf(get(w.node, "POST", kIssuePath, principal, "{}")) == "token_revoked");
}

LICENSING_TEST("a pack is an assertion for its seat, until the license changes or the pack ends") {
  World w(env);
  w.bill({w.fact("active", "team", 5)});
  const auto pack = get(w.node, "POST", kIssuePath, w.principal(), "{}")->strOr("pack");
  const auto verify = [&](Node& node, const std::string& text) {
    return node.db.read(db::Scope::system(), [&](db::Tx& tx) { return node.feature->packAssertions().verifyPack(tx, text); });
  };
  const auto good = verify(w.node, pack);
  REQUIRE(good);
  CHECK(good->org == w.grant.org.id);
  CHECK(good->seat == w.grant.device.seat);
  CHECK(good->sid == w.grant.device.sid);
  CHECK(good->jkt == w.grant.device.jkt);

  CHECK(codeOf(verify(w.node, w.token())) == "token_wrong_type");
  CHECK(codeOf(verify(w.node, pack.substr(0, pack.size() - 2) + (pack.ends_with("AA") ? "BA" : "AA"))) == "pack_invalid");
  CHECK(codeOf(verify(w.node, "x")) == "pack_invalid");
  auto other = w.settings;
  other.product_id = "other";
  Node elsewhere(db, env, other);
  CHECK(codeOf(verify(elsewhere, pack)) == "pack_invalid");

  w.bill({w.fact("active", "solo", 1)});
  CHECK(codeOf(verify(w.node, pack)) == "token_revoked");
  const auto renewed = get(w.node, "POST", kRefreshPath, w.principal(), "{}")->strOr("pack");
  CHECK(verify(w.node, renewed));
  env.clock.advance(hours(24 * 7) + minutes(1));
  w.node.feature->worker().runOnce();
  CHECK(codeOf(verify(w.node, renewed)) == "pack_expired");
}
