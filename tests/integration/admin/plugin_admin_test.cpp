// /v1/admin/plugins/{name}/* and /v1/admin/reload, their answers held against openapi.json.
#include <doctest/doctest.h>

#include "core/admin/plugin_routes.hpp"
#include "core/base/file.hpp"
#include "core/config/schema_validator.hpp"
#include "tests/unit/core/plugin/plugin_world.hpp"

using namespace ccp;
using ccp::test::put;
using ccp::test::ScriptedPlugin;

namespace {

/// The named part of the API's description as a schema.
config::Schema schemaOf(const std::string& name) {
  Json document = *parseJson(*readFile(CCP_SOURCE_DIR "/core/app/openapi/openapi.json"), {16 << 20, 64});
  Json schema = Json::object({{"$ref", "#/components/schemas/" + name}, {"components", document["components"]}});
  auto compiled = config::Schema::compile(schema);
  REQUIRE_MESSAGE(compiled.has_value(), compiled.error().detail);
  return std::move(*compiled);
}

void holds(const std::string& schema, const Json& value) {
  const Status valid = schemaOf(schema).validate(value);
  CHECK_MESSAGE(valid.has_value(), schema << ": " << (valid ? "" : valid.error().detail) << "\n" << value.dump());
}

struct World {
  World() : trust(w.env().db()) {
    REQUIRE(w.load().has_value());
    admin::addPluginRoutes(router, w.host, trust, [this](const std::string& actor) -> Result<Json> {
      reloaded_by = actor;
      if (!reload_error.empty()) return fail(Errc::config_invalid, reload_error);
      return Json::object({{"at", "2026-11-21T05:00:00Z"}, {"actor", actor}, {"result", "ok"}, {"plugins", Json::array()}, {"applied", Json::array()},
                           {"needs_restart", Json::array()}, {"error", Json()}});
    });
  }
  Result<http::Response> send(const std::string& method, const std::string& path, const std::string& body = {}) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    if (!body.empty()) request.headers.add("Content-Type", "application/json");
    request.principal.kind = http::PrincipalKind::operator_key;
    auto match = router.match(method, path);
    REQUIRE(match.route != nullptr);
    CHECK((match.route->options.auth == http::Auth::operator_key));
    request.path_params = match.params;
    return match.route->handler(request);
  }
  Json ok(const std::string& method, const std::string& path, const std::string& body = {}) {
    const auto answer = send(method, path, body);
    if (!answer) FAIL(answer.error().text());
    return *parseJson(answer->body);
  }
  test::PluginWorld w;
  plugin::TrustAdmin trust;
  http::Router router;
  std::string reloaded_by, reload_error;
};

}  // namespace

TEST_CASE("an instance is inspected, asked, swapped and drained by its operator") {
  World world;
  const Json seen = world.ok("GET", "/v1/admin/plugins/one")["plugin"];
  holds("PluginDetails", seen);
  CHECK(seen.strOr("name") == "one");
  holds("PluginHealth", world.ok("GET", "/v1/admin/plugins/one/health")["health"]);

  const Json swapped = world.ok("POST", "/v1/admin/plugins/one/swap", R"({"reason":"new release"})");
  holds("PluginChange", swapped["change"]);
  holds("PluginDetails", swapped["plugin"]);
  CHECK(swapped["change"].strOr("action") == "swap");
  const Json drained = world.ok("POST", "/v1/admin/plugins/one/drain");
  holds("PluginChange", drained["change"]);
  CHECK(drained["plugin"].strOr("detail") == "drained by operator");
  CHECK(world.ok("GET", "/v1/admin/plugins/one/health")["health"].strOr("status") == "failing");

  const auto reason = world.w.env().db().read(db::Scope::system(), [](db::Tx& tx) -> Result<std::string> {
    const auto row = tx.one<std::string, std::string>("select reason, actor from audit_log where action = 'plugin.swap'");
    return row ? std::get<0>(*row) + " by " + std::get<1>(*row) : std::string();
  });
  CHECK(*reason == "new release by operator");
}

TEST_CASE("what cannot be done is told as the operator's matter, with everything in the text") {
  World world;
  CHECK((world.send("GET", "/v1/admin/plugins/two").error().code == Errc::not_found));
  CHECK((world.send("GET", "/v1/admin/plugins/two/health").error().code == Errc::not_found));
  CHECK((world.send("POST", "/v1/admin/plugins/two/drain").error().code == Errc::not_found));
  CHECK((world.send("POST", "/v1/admin/plugins/one/swap", R"({"reason":")" + std::string(501, 'x') + "\"}").error().code == Errc::validation_failed));
  ScriptedPlugin::get().ops["health"] = [](const ccp_host*, const ccp_call* call, std::string_view) {
    return put(call->out, R"({"status":"failing","detail":"token refused"})");
  };
  const auto refused = world.send("POST", "/v1/admin/plugins/one/swap");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().httpStatus() == 409);
  CHECK(refused.error().detail.find("token refused") != std::string::npos);
}

TEST_CASE("a reload answers with its report, or with why nothing was changed") {
  World world;
  holds("Reload", world.ok("POST", "/v1/admin/reload")["reload"]);
  CHECK(world.reloaded_by == "operator");
  world.reload_error = "ccp.yaml:3:1: /surver is no setting of this section.";
  const auto refused = world.send("POST", "/v1/admin/reload");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().httpStatus() == 409);
  CHECK(refused.error().detail == world.reload_error);
}
