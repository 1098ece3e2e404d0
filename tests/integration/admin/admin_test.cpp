// The operator API over real identity and licensing, on both databases: each deed is done by its
// feature and leaves an audit row with its reason.
#include "core/admin/routes.hpp"

#include <doctest/doctest.h>

#include <set>

#include "core/identity/directory.hpp"
#include "core/identity/replay_guard.hpp"
#include "core/licensing/feature.hpp"
#include "core/net/http_client.hpp"
#include "core/plugin/plugin_host.hpp"
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
        service(e.db(), directory, licensing->licenses(), licensing->keyAdmin(), host,
                {{"store", [] {
                    return Json::array(
                        {Json::object({{"level", "ok"}, {"code", "ok"}, {"text", "fine"}})});
                  }}}) {
    licensing->connect(directory, replays);
    admin::addRoutes(router, service);
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

  TempDb& env;
  TempDir dir;
  config::Settings settings;
  config::SecretStore secrets;
  net::PocoHttpClient http;
  std::unique_ptr<licensing::Feature> licensing;
  identity::StoredDirectory directory;
  identity::StoredReplayGuard replays;
  plugin::PluginHost host;
  admin::AdminService service;
  http::Router router;
};

}  // namespace

#define ADMIN_TEST(name) \
  CCP_DB_TEST(name, &ccp::identity::kMigrations, &ccp::licensing::kMigrations)

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
