// The operator API over real identity and licensing, on both databases: each deed is done by its
// feature and leaves an audit row with its reason.
#include "core/admin/routes.hpp"
#include "core/admin/trust_routes.hpp"

#include <doctest/doctest.h>

#include <set>

#include "core/identity/directory.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/licensing/feature.hpp"
#include "core/net/http_client.hpp"
#include "core/plugin/pipeline.hpp"
#include "core/plugin/plugin_host.hpp"
#include "tests/support/schema_rules.hpp"
#include "tests/support/fake_decider.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::identity {
extern const db::MigrationSet kMigrations;
}

using namespace ccp;
using namespace ccp::test;

namespace {

struct World {
  explicit World(TempDb& e)
      : env(e),
        settings(settingsFor(dir.path())),
        secrets(dir.path(), {}),
        licensing(open(e, settings)),
        directory(e.clock, e.random, licensing->seatLimits(), licensing->tokenIssuer()),
        replays(e.db()),
        host(e.db(), http, secrets, e.clock, e.random, e.metrics,
             plugin::PluginHostSettings::from(settings)),
        trust(e.db()),
        service(e.db(), directory, licensing->licenses(), licensing->keyAdmin(), host, trust,
                {{"store", [] {
                    return Json::array(
                        {Json::object({{"level", "ok"}, {"code", "ok"}, {"text", "fine"}})});
                  }}}) {
    licensing->connect(directory, replays, decider);
    admin::addRoutes(router, service);
    admin::addTrustRoutes(router, trust);
  }
  static config::Settings settingsFor(const std::string& dir) {
    config::Settings s;
    s.state_dir = dir;
    s.product_id = "acme-cli";
    s.server.public_url = "https://ccp.example";
    s.plans.plans = {config::Plan{"community", "Community", {"basics"}, {{"seats", 1}}, {}}};
    return s;
  }
  static std::unique_ptr<licensing::Feature> open(TempDb& e, const config::Settings& settings) {
    auto opened = licensing::Feature::open(e.db(), e.clock, e.random, e.metrics, settings);
    if (!opened) FAIL(opened.error().text());
    return std::move(*opened);
  }

  Result<http::Response> send(const std::string& method, const std::string& path,
                              const Json& body = {},
                              std::vector<std::pair<std::string, std::string>> query = {}) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.principal.kind = http::PrincipalKind::operator_key;
    for (auto& [name, value] : query) request.query.add(name, value);
    if (!body.isNull()) {
      request.headers.add("Content-Type", "application/json");
      request.body = body.dump();
    }
    auto match = router.match(method, path);
    REQUIRE(match.route != nullptr);
    CHECK((match.route->options.auth == http::Auth::operator_key));
    request.path_params = match.params;
    return match.route->handler(request);
  }
  Json ok(const std::string& method, const std::string& path, const Json& body = {},
          std::vector<std::pair<std::string, std::string>> query = {}) {
    const auto answer = send(method, path, body, std::move(query));
    if (!answer) FAIL(answer.error().text());
    return *parseJson(answer->body);
  }
  std::string code(const std::string& method, const std::string& path, const Json& body = {}) {
    const auto answer = send(method, path, body);
    return answer ? "ok" : answer.error().name();
  }
  std::string makeOrg(const std::string& name) {
    return ok("POST", "/v1/admin/orgs",
              Json::object({{"name", name}, {"owner", name + "@example.org"}}))["org"]
        .strOr("id");
  }
  Json audit(const std::string& org) {
    return ok("GET", "/v1/admin/audit", {}, {{"org", org}})["entries"];
  }

  /// Audit rows of the server itself that are about plugins, newest first.
  std::vector<Json> pluginDeeds() {
    std::vector<Json> out;
    const Json log = audit("");
    for (const auto& entry : log.items()) {
      if (entry.strOr("action").starts_with("plugin")) out.push_back(entry);
    }
    return out;
  }

  TempDb& env;
  TempDir dir;
  config::Settings settings;
  config::SecretStore secrets;
  net::PocoHttpClient http;
  FakeDecider decider;
  std::unique_ptr<licensing::Feature> licensing;
  identity::StoredDirectory directory;
  identity::StoredReplayGuard replays;
  plugin::PluginHost host;
  plugin::TrustAdmin trust;
  admin::AdminService service;
  http::Router router;
};

}  // namespace

#define ADMIN_TEST(name) \
  CCP_DB_TEST(name, &ccp::identity::kMigrations, &ccp::licensing::kMigrations, \
              &ccp::plugin::kMigrations)

ADMIN_TEST("an organization is made with its owner and license, and listed page by page") {
  World w(env);
  for (const char* name : {"one", "two", "three"}) {
    CHECK(isId(w.makeOrg(name), "org"));
    env.clock.advance(seconds(1));
  }
  auto page = w.ok("GET", "/v1/admin/orgs", {}, {{"limit", "2"}});
  CHECK(page["orgs"].size() == 2);
  CHECK(page["orgs"].items()[0].strOr("license_state") == "pending");
  page = w.ok("GET", "/v1/admin/orgs", {}, {{"limit", "2"}, {"cursor", page.strOr("next_cursor")}});
  CHECK(page["orgs"].size() == 1);
  CHECK(page["next_cursor"].isNull());
  CHECK(w.code("POST", "/v1/admin/orgs", Json::object({{"name", "x"}})) == "validation_failed");
  CHECK(w.code("POST", "/v1/admin/orgs", Json::object({{"name", ""}, {"owner", "a@b.example"}})) ==
        "validation_failed");
}

ADMIN_TEST(
    "suspend, resume and revoke need a reason where it hurts, and leave it in the audit log") {
  World w(env);
  const auto org = w.makeOrg("acme");
  const std::string path = "/v1/admin/orgs/" + org + "/license";
  CHECK(w.code("POST", path + "/suspend", Json::object()) == "validation_failed");
  auto license =
      w.ok("POST", path + "/suspend", Json::object({{"reason", "chargeback"}}))["license"];
  CHECK(license.strOr("state") == "suspended");
  CHECK(license.strOr("admin_reason") == "chargeback");
  CHECK(w.ok("GET", path)["license"].strOr("state") == "suspended");
  license = w.ok("POST", path + "/resume", Json::object())["license"];
  CHECK(license.strOr("state") == "pending");
  license = w.ok("POST", path + "/revoke", Json::object({{"reason", "fraud"}}))["license"];
  CHECK(license.strOr("state") == "revoked");

  int suspended = 0, revoked = 0;
  const Json log = w.audit(org);
  for (const auto& entry : log.items()) {
    if (entry.strOr("actor") != "operator") continue;
    suspended += entry.strOr("reason") == "chargeback" ? 1 : 0;
    revoked += entry.strOr("reason") == "fraud" ? 1 : 0;
  }
  CHECK(suspended >= 1);
  CHECK(revoked >= 1);
  const std::string nobody = "/v1/admin/orgs/org_00000000000000000000000000/license";
  CHECK(w.code("GET", nobody) == "not_found");
  CHECK(w.code("POST", nobody + "/suspend", Json::object({{"reason", "x"}})) == "not_found");
}

ADMIN_TEST("the audit log is read newest first, page by page, one organization at a time") {
  World w(env);
  const auto org = w.makeOrg("acme"), other = w.makeOrg("rival");
  for (int i = 0; i < 4; ++i) {
    env.clock.advance(seconds(1));
    w.ok("POST", "/v1/admin/orgs/" + org + "/license/suspend",
         Json::object({{"reason", "round " + std::to_string(i)}}));
    w.ok("POST", "/v1/admin/orgs/" + org + "/license/resume", Json::object());
  }
  std::set<std::string> seen;
  std::string cursor, last = "~";
  for (int page = 0; page < 50; ++page) {
    const auto answer =
        w.ok("GET", "/v1/admin/audit", {}, {{"org", org}, {"limit", "3"}, {"cursor", cursor}});
    for (const auto& entry : answer["entries"].items()) {
      CHECK(entry.strOr("org") == org);
      CHECK(entry.strOr("id") < last);
      last = entry.strOr("id");
      CHECK(seen.insert(last).second);
    }
    if (answer["next_cursor"].isNull()) break;
    cursor = answer.strOr("next_cursor");
  }
  CHECK(seen.size() == w.audit(org).size());
  CHECK(seen.size() >= 9);
  const Json others = w.audit(other);
  CHECK(others.size() > 0);
  for (const auto& entry : others.items()) CHECK(entry.strOr("org") == other);
}

ADMIN_TEST("keys are rotated, unknown uses and devices refused, parts of the server described") {
  World w(env);
  const auto before = w.ok("GET", "/v1/admin/keys")["keys"].size();
  const auto key = w.ok("POST", "/v1/admin/keys/rotate", Json::object({{"use", "pack"}}))["key"];
  CHECK(key.strOr("use") == "pack");
  CHECK(key.strOr("state") == "pending");
  CHECK(w.ok("GET", "/v1/admin/keys")["keys"].size() == before + 1);
  CHECK(w.code("POST", "/v1/admin/keys/rotate", Json::object({{"use", "door"}})) ==
        "validation_failed");
  CHECK(w.code("POST", "/v1/admin/devices/ses_00000000000000000000000000/revoke",
               Json::object({{"reason", "lost"}})) == "not_found");
  CHECK(w.ok("GET", "/v1/admin/plugins")["plugins"].size() == 0);
  const auto parts = w.ok("GET", "/v1/admin/doctor")["parts"];
  REQUIRE(parts.size() == 1);
  CHECK(parts.items()[0]["findings"].items()[0].strOr("level") == "ok");
}

ADMIN_TEST("the tables of the trust store keep the schema rules") {
  CHECK(schemaViolations(db, schemaExceptions()) == std::vector<std::string>{});
}

ADMIN_TEST("a key is trusted, changed, listed and revoked for good; each deed leaves its audit row") {
  World w(env);
  const auto key = crypto::SigningKey::generate(env.random);
  const std::string kid = key.publicKey().thumbprint();
  const std::string path = "/v1/admin/plugins/trust";
  Json body = Json::object({{"public_key", key.publicKey().jwk()},
                            {"title", "Acme Inc"},
                            {"prefixes", Json::array({"acme."})},
                            {"channels", Json::array({"prod"})},
                            {"grants", Json::object({{"egress", Json::array({"https://api.acme.dev"})}})}});
  const Json empty = w.ok("GET", path);
  CHECK(empty["keys"].size() == 0);
  CHECK(empty["vendor"].strOr("prefix") == "ccp.");

  CHECK(w.ok("POST", path, body)["key"].strOr("kid") == kid);
  env.clock.advance(hours(1));
  body.set("grants", Json::object({{"kv_bytes", 4096}, {"inproc", true}}));
  const Json changed = w.ok("POST", path, body)["key"];
  CHECK(changed["grants"]["egress"].size() == 0);
  CHECK(changed["grants"].boolOr("inproc"));
  CHECK(changed.strOr("added_at") != changed.strOr("updated_at"));
  const Json listed = w.ok("GET", path)["keys"];
  REQUIRE(listed.size() == 1);
  CHECK(listed.items()[0] == changed);

  CHECK(w.code("POST", path + "/" + kid + "/revoke", Json::object()) == "validation_failed");
  CHECK(w.code("POST", path + "/nobody/revoke", Json::object({{"reason", "x"}})) == "not_found");
  env.clock.advance(hours(1));
  const Json revoked = w.ok("POST", path + "/" + kid + "/revoke", Json::object({{"reason", "laptop stolen"}}))["key"];
  CHECK(revoked.strOr("state") == "revoked");
  CHECK(revoked.strOr("revoked_reason") == "laptop stolen");
  // The first reason stays, and nothing brings the key back.
  CHECK(w.ok("POST", path + "/" + kid + "/revoke", Json::object({{"reason", "again"}}))["key"] == revoked);
  CHECK(w.code("POST", path, body) == "conflict");

  std::vector<std::string> deeds;
  const Json log = w.audit("");
  for (const auto& entry : log.items()) {
    if (entry.strOr("subject") != kid) continue;
    CHECK(entry.strOr("actor") == "operator");
    deeds.push_back(entry.strOr("action") + " " + entry.strOr("reason"));
    if (entry.strOr("reason") == "laptop stolen") CHECK(entry["before"].strOr("state") == "active");
  }
  CHECK(deeds == std::vector<std::string>{"plugin_key.revoke laptop stolen", "plugin_key.trust ", "plugin_key.trust "});

  const auto problems = w.trust.problemsOf({"vendor", "unsigned", "key:" + kid, "key:nobody"});
  REQUIRE(problems);
  CHECK(problems->at("vendor").empty());
  CHECK(problems->at("unsigned").empty());
  CHECK(problems->at("key:" + kid).find("key revoked at") == 0);
  CHECK(problems->at("key:nobody").find("not trusted any more") != std::string::npos);
}

ADMIN_TEST("nobody is trusted with the vendor's ids, nor the vendor with others'") {
  World w(env);
  const auto key = crypto::SigningKey::generate(env.random);
  Json body = Json::object({{"public_key", key.publicKey().jwk()}, {"prefixes", Json::array({"ccp."})}, {"channels", Json::array({"dev"})}});
  CHECK(w.code("POST", "/v1/admin/plugins/trust", body) == "validation_failed");
  body.set("prefixes", Json::array({"ccp.billing."}));
  CHECK(w.code("POST", "/v1/admin/plugins/trust", body) == "validation_failed");
  body.set("prefixes", Json::array({"acme."}));
  body.set("public_key", plugin::TrustStore::vendorOfThisBuild()->jwk());
  CHECK(w.code("POST", "/v1/admin/plugins/trust", body) == "conflict");
  CHECK(w.pluginDeeds().empty());
}

ADMIN_TEST("the version floor of a plugin is lowered with a reason, and never raised by hand") {
  World w(env);
  const std::string path = "/v1/admin/plugins/versions";
  const auto floor = [](const char* version) {
    return Json::object({{"plugin", "acme.pager"}, {"version", version}, {"reason", "2.0.0 loses pages"}});
  };
  CHECK(w.code("POST", path, floor("1.9.0")) == "not_found");
  REQUIRE(db.write(db::Scope::system(), [](db::Tx& tx) -> Status {  // as a start leaves it
    plugin::TrustRepository(tx).setFloor({"acme.pager", "2.0.0", "system", tx.now()});
    return {};
  }));
  CHECK(w.code("POST", path, Json::object({{"plugin", "acme.pager"}})) == "validation_failed");
  CHECK(w.code("POST", path, floor("1.9")) == "validation_failed");
  CHECK(w.code("POST", path, floor("2.0.1")) == "conflict");
  CHECK(w.ok("POST", path, floor("1.9.0"))["version"].strOr("version") == "1.9.0");
  const Json versions = w.ok("GET", "/v1/admin/plugins/trust")["versions"];
  REQUIRE(versions.size() == 1);
  CHECK(versions.items()[0].strOr("updated_by") == "operator");
  const auto log = w.pluginDeeds();
  REQUIRE(log.size() == 1);
  CHECK(log[0].strOr("action") == "plugin.allow_rollback");
  CHECK(log[0]["before"].strOr("version") == "2.0.0");
}

ADMIN_TEST("a damaged row of the trust store trusts nothing and hides nothing else") {
  World w(env);
  const auto good = crypto::SigningKey::generate(env.random), bad = crypto::SigningKey::generate(env.random);
  for (const auto* key : {&good, &bad}) {
    w.ok("POST", "/v1/admin/plugins/trust",
         Json::object({{"public_key", key->publicKey().jwk()}, {"prefixes", Json::array({"acme."})}, {"channels", Json::array({"dev"})}}));
  }
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {  // an attacker, or a bad disk
    tx.exec("update plugin_trust_keys set terms_json = :terms where kid = :kid",
            {{"terms", R"({"prefixes":["ccp."],"channels":["prod"]})"}, {"kid", bad.publicKey().thumbprint()}});
    return {};
  }));
  const Json keys = w.ok("GET", "/v1/admin/plugins/trust")["keys"];
  REQUIRE(keys.size() == 1);
  CHECK(keys.items()[0].strOr("kid") == good.publicKey().thumbprint());
  // Damage does not bring a revoked key back either.
  REQUIRE(db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec("update plugin_trust_keys set revoked_at = 1, revoked_reason = 'stolen' where kid = :kid", {{"kid", bad.publicKey().thumbprint()}});
    return {};
  }));
  CHECK(w.code("POST", "/v1/admin/plugins/trust",
               Json::object({{"public_key", bad.publicKey().jwk()}, {"prefixes", Json::array({"acme."})}, {"channels", Json::array({"dev"})}})) == "conflict");
}
