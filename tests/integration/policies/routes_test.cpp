// Who may do what over the API, and what answers show to whom.
#include "core/http/router.hpp"
#include "core/policies/routes.hpp"
#include "tests/integration/policies/world.hpp"

using namespace ccp;
using namespace ccp::policies;
using namespace ccp::policies::test;

namespace {

constexpr const char* kOrg = "org_01jdp0example0000000000000";
constexpr const char* kOther = "org_01jdp0example0000000000001";

http::Principal person(const std::string& role, const std::string& org = kOrg) {
  http::Principal out;
  out.kind = http::PrincipalKind::access_token;
  out.org = org;
  out.user = "usr_" + role;
  out.role = role;
  return out;
}
http::Principal key(http::PrincipalKind kind, const std::string& org = "") {
  http::Principal out;
  out.kind = kind;
  out.org = org;
  out.api_key = "key_1";
  out.scopes = {"policy"};
  return out;
}

struct Api {
  Api(TempDb& env, db::Db& db, PolicyWorkshop& shop) : node(env, db, shop) { addRoutes(router, node.feature); }
  Result<http::Response> call(const char* method, const std::string& path, const http::Principal& who, const std::string& body = "", const std::string& set = "") {
    const auto match = router.match(method, path);
    REQUIRE(match.route);
    http::Request request;
    request.method = method;
    request.path = path;
    request.path_params = match.params;
    request.principal = who;
    request.body = body;
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    if (!set.empty()) request.query.add("set", set);
    return match.route->handler(request);
  }
  std::string code(const char* method, const std::string& path, const http::Principal& who, const std::string& body = "", const std::string& set = "") {
    return codeOf(call(method, path, who, body, set));
  }
  Json json(const char* method, const std::string& path, const http::Principal& who, const std::string& body = "") {
    return must(parseJson(must(call(method, path, who, body)).body));
  }
  TestNode node;
  http::Router router;
};

}  // namespace

CCP_DB_TEST("the root is the owner's to set, packs are admins' to publish, and keys only read", &policies::kMigrations) {
  PolicyWorkshop shop(kOrg);
  Api api(env, db, shop);
  const auto root = shop.rootEnvelope();
  const auto pack = shop.sign(modelPack(shop, 1), {"ada", "bob"});
  const auto api_key = key(http::PrincipalKind::api_key, kOrg);
  for (const auto& who : {person("admin"), person("member"), person("viewer"), api_key}) CHECK(api.code("POST", "/v1/policy/root", who, root) == "forbidden");
  CHECK(api.code("POST", "/v1/policy/root", person("owner", kOther), root) == "policy_wrong_org");
  CHECK(api.code("POST", "/v1/policy/root", person("owner"), root) == "ok");
  const std::string promote = R"({"name":"base","version":1,"reason":"r"})", rollback = R"({"channel":"dev","reason":"r"})";
  const std::string revoke = R"({"sha256":")" + PolicyWorkshop::sha256Of(modelPack(shop, 1)) + R"(","reason":"r"})";
  for (const auto& who : {person("member"), person("viewer"), api_key}) {
    CHECK(api.code("POST", "/v1/policy/push", who, pack) == "forbidden");
    CHECK(api.code("POST", "/v1/policy/promote", who, promote) == "forbidden");
    CHECK(api.code("POST", "/v1/policy/rollback", who, rollback) == "forbidden");
    CHECK(api.code("POST", "/v1/policy/revoke", who, revoke) == "forbidden");
  }
  CHECK(api.code("POST", "/v1/policy/push", person("admin", kOther), pack) == "policy_root_missing");
  CHECK(api.code("POST", "/v1/policy/push", person("admin"), pack) == "ok");
  // Another organization sees nothing of it, members read what they enforce.
  const auto path = "/v1/policy/packs/" + PolicyWorkshop::sha256Of(modelPack(shop, 1));
  CHECK(api.code("GET", path, person("member")) == "ok");
  CHECK(api.code("GET", path, person("owner", kOther)) == "not_found");
  CHECK(api.code("GET", path, person("owner"), "", "operator") == "not_found");
  CHECK(api.code("GET", "/v1/policy/dev", person("owner", kOther)) == "not_found");
  CHECK(api.code("GET", "/v1/policy/dev", person("member"), "", kOther) == "validation_failed");
  CHECK(api.code("GET", "/v1/policy/root/1", person("owner", kOther)) == "not_found");
  CHECK(api.code("GET", "/v1/policy/dev", person("member", "")) == "forbidden");
}

CCP_DB_TEST("those who may not publish do not use up the turns of those who may", &policies::kMigrations) {
  PolicyWorkshop shop(kOrg);
  Api api(env, db, shop);
  CHECK(api.code("POST", "/v1/policy/root", person("owner"), shop.rootEnvelope()) == "ok");
  for (int i = 0; i < 100; ++i) CHECK(api.code("POST", "/v1/policy/push", person("viewer"), "{}") == "forbidden");
  CHECK(api.code("POST", "/v1/policy/push", person("admin"), shop.sign(modelPack(shop, 1), {"ada"})) == "ok");
  std::string last;
  for (int i = 0; i < 100; ++i) last = api.code("POST", "/v1/policy/push", person("admin"), "{}");
  CHECK(last == "rate_limited");
}

CCP_DB_TEST("status shows clients to admins, and the server's counters to the operator", &policies::kMigrations) {
  PolicyWorkshop shop(kOrg);
  Api api(env, db, shop);
  CHECK(api.code("POST", "/v1/policy/root", person("owner"), shop.rootEnvelope()) == "ok");
  const auto report = R"({"set":"org","channel":"dev","version":3,"sha256":")" + std::string(64, 'a') + R"(","state":"active"})";
  // A version that was never published.
  CHECK(api.json("POST", "/v1/policy/status", person("member"), report)["differs"] == Json(true));
  CHECK(api.json("GET", "/v1/policy/status", person("admin"))["clients"].size() == 1);
  CHECK(api.json("GET", "/v1/policy/status", person("member"))["clients"].size() == 0);
  CHECK(api.json("GET", "/v1/policy/status", person("admin", kOther))["clients"].size() == 0);
  CHECK(api.json("GET", "/v1/policy/status", person("admin")).find("log") == nullptr);
  CHECK(api.json("GET", "/v1/admin/policy/status", key(http::PrincipalKind::operator_key)).find("log") != nullptr);
}

CCP_DB_TEST("status shows the rest when a root in the database was edited", &policies::kMigrations) {
  PolicyWorkshop shop(kOrg);
  Api api(env, db, shop);
  CHECK(api.code("POST", "/v1/policy/root", person("owner"), shop.rootEnvelope()) == "ok");
  REQUIRE(db.write(db::Scope::system(), [](db::Tx& tx) -> Status {
    tx.exec("update policy_roots set envelope = '{}'");
    return {};
  }));
  const auto seen = api.json("GET", "/v1/policy/status", person("admin"));
  REQUIRE(seen["sets"].size() == 2);
  CHECK_FALSE(seen["sets"].items()[1]["root"].strOr("problem").empty());
}
