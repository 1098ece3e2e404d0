// The real server program: start, health, stop, and the ways in which it refuses to start.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include <csignal>

#include "core/base/file.hpp"
#include "tests/integration/app/ccpd_process.hpp"

using namespace ccp;
using test::CcpdProcess;
using test::devYaml;
using test::TempDir;

namespace {

/// One whole life of the server on the store at hand.
void servesAndStops(const std::string& store) {
  const TempDir dir;
  CcpdProcess ccpd(dir.path(), devYaml(dir.path(), store));
  REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());

  const auto health = ccpd.get(ccpd.adminUrl() + "/healthz");
  CHECK(health.status == 200);
  const auto ready = ccpd.get(ccpd.adminUrl() + "/readyz");
  CHECK_MESSAGE(ready.status == 200, ready.body);
  CHECK(parseJson(ready.body)->strOr("status") == "ok");
  const auto discovery = ccpd.get(ccpd.publicUrl() + "/.well-known/oauth-authorization-server");
  CHECK(discovery.status == 200);
  CHECK(parseJson(discovery.body)->strOr("issuer") == ccpd.publicUrl());
  CHECK(ccpd.get(ccpd.publicUrl() + "/.well-known/jwks.json").status == 200);
  CHECK(ccpd.get(ccpd.publicUrl() + "/openapi.json").status == 200);
  CHECK(ccpd.get(ccpd.publicUrl() + "/dashboard").status == 303);

  const auto problem = ccpd.get(ccpd.publicUrl() + "/v1/license/status");
  CHECK(problem.status == 401);
  CHECK(problem.header("Content-Type") == "application/problem+json");
  CHECK(ccpd.get(ccpd.publicUrl() + "/healthz").status ==
        404);  // health is for the machine's owner

  const std::string key_file = dir.path() + "/state/operator.key";
  auto key = readFile(key_file).value();
  key.pop_back();
  CHECK(ccpd.get(ccpd.publicUrl() + "/v1/admin/orgs").status == 401);
  const auto orgs =
      ccpd.get(ccpd.publicUrl() + "/v1/admin/orgs", {{"Authorization", "Bearer " + key}});
  CHECK(orgs.status == 200);
  CHECK(orgs.body.find("Demo Org") != std::string::npos);
  const auto doctor =
      ccpd.get(ccpd.publicUrl() + "/v1/admin/doctor", {{"Authorization", "Bearer " + key}});
  CHECK(doctor.status == 200);
  CHECK_MESSAGE(doctor.body.find("\"level\":\"error\"") == std::string::npos, doctor.body);

  const auto metrics = ccpd.get(ccpd.adminUrl() + "/metrics");
  CHECK(metrics.status == 200);
  CHECK(metrics.body.find("ccp_http_requests_total{") != std::string::npos);
  CHECK(metrics.body.find("route=\"/v1/license/status\"") != std::string::npos);

  ccpd.signal(SIGHUP);
  ccpd.signal(SIGTERM);
  const auto end = ccpd.wait();
  CHECK_MESSAGE(end.exit_code == 0, end.out);
  CHECK(end.out.find("\"event\":\"ccpd.stopped\"") != std::string::npos);
  CHECK(end.out.find("signal.reload") != std::string::npos);
  CHECK_FALSE(fileExists(dir.path() + "/state/runtime.json"));
  CHECK(end.out.find(key) == std::string::npos);
}

}  // namespace

TEST_CASE("ccpd serves on SQLite and stops cleanly") {
  servesAndStops("");
}

TEST_CASE("ccpd serves on PostgreSQL and stops cleanly") {
  const auto database = test::PgCluster::instance().createDatabase();
  servesAndStops(database.url);
  test::PgCluster::instance().dropDatabase(database);
}

TEST_CASE("a second start keeps organization, keys and operator key") {
  const TempDir dir;
  std::string jwks;
  std::string key;
  for (int i = 0; i < 2; ++i) {
    CcpdProcess ccpd(dir.path(), devYaml(dir.path()));
    REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
    const auto now = ccpd.get(ccpd.publicUrl() + "/.well-known/jwks.json").body;
    const auto key_now = readFile(dir.path() + "/state/operator.key").value();
    if (i == 1) {
      CHECK(now == jwks);
      CHECK(key_now == key);
    }
    jwks = now;
    key = key_now;
    ccpd.signal(SIGINT);
    CHECK(ccpd.wait().exit_code == 0);
  }
}

TEST_CASE("the state directory is private, and its secrets are readable by their owner alone") {
  const TempDir dir;
  CcpdProcess ccpd(dir.path(), devYaml(dir.path()));
  REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
  struct stat info {};
  REQUIRE(::stat((dir.path() + "/state").c_str(), &info) == 0);
  CHECK((info.st_mode & 0077) == 0);
  for (const char* file : {"operator.key", "master.key", "root.key", "mode"}) {
    CAPTURE(file);
    REQUIRE(::stat((dir.path() + "/state/" + file).c_str(), &info) == 0);
    CHECK((info.st_mode & 0077) == 0);
  }
}

TEST_CASE("one state directory serves one ccpd") {
  const TempDir dir;
  CcpdProcess first(dir.path(), devYaml(dir.path()));
  REQUIRE_MESSAGE(first.awaitServing(), first.output());
  const TempDir other;
  CcpdProcess second(other.path(), devYaml(dir.path()));
  const auto end = second.wait();
  CHECK(end.exit_code == 1);
  CHECK(end.out.find("another ccpd uses") != std::string::npos);
}

TEST_CASE("ccpd says what is wrong and what to do, and refuses to start") {
  struct Case {
    const char* name;
    std::string yaml;
    const char* says;
  };
  const TempDir dir;
  const std::string state = "state_dir: " + dir.path() + "/state\n";
  const Case cases[] = {
      {"unknown key", "mode: dev\n" + state + "servr: {}\n", "servr"},
      {"not YAML", "mode: [dev\n", "ccp.yaml"},
      {"dev on a public address", "mode: dev\n" + state + "server: {listen: \"0.0.0.0:0\"}\n",
       "loopback"},
      {"prod without https",
       "mode: prod\n" + state + "server: {public_url: \"http://a.example\"}\n", "https://"},
      {"prod without master key",
       "mode: prod\n" + state + "server: {public_url: \"https://a.example\"}\n", "master_key_file"},
      {"unknown plugin", devYaml(dir.path(), "", "plugins: [{name: x, plugin: ccp.not-there}]\n"),
       "ccp.not-there"},
      {"foreign plugin",
       devYaml(dir.path(), "", "plugins: [{name: x, plugin: org.example.thing}]\n"),
       "org.example.thing"},
      {"no such database", devYaml(dir.path(), "postgresql://nobody@127.0.0.1:1/none"),
       "cannot start (store)"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CcpdProcess ccpd(dir.path(), c.yaml);
    const auto end = ccpd.wait();
    CHECK(end.exit_code == 1);
    CHECK_MESSAGE(end.out.find(c.says) != std::string::npos, end.out);
    CHECK(end.out.find("next: ") != std::string::npos);
  }
}

TEST_CASE("--check-config prints the settings or what is wrong, and starts nothing") {
  const TempDir dir;
  {
    CcpdProcess ccpd(dir.path(), devYaml(dir.path()), {"--check-config"});
    const auto end = ccpd.wait();
    CHECK(end.exit_code == 0);
    CHECK(end.out.find("\"mode\": \"dev\"") != std::string::npos);
    CHECK_FALSE(fileExists(dir.path() + "/state"));
  }
  CcpdProcess ccpd(dir.path(), "mode: test\n", {"--check-config"});
  const auto end = ccpd.wait();
  CHECK(end.exit_code == 1);
  CHECK(end.out.find("/mode") != std::string::npos);
}

TEST_CASE("a development directory never serves production") {
  const TempDir dir;
  {
    CcpdProcess ccpd(dir.path(), devYaml(dir.path()));
    REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
    ccpd.signal(SIGTERM);
    CHECK(ccpd.wait().exit_code == 0);
  }
  REQUIRE(writeFileAtomic(dir.path() + "/prod.key",
                          readFile(dir.path() + "/state/master.key").value(), 0600));
  CcpdProcess ccpd(dir.path(), "mode: prod\nstate_dir: " + dir.path() +
                                   "/state\nmaster_key_file: " + dir.path() +
                                   "/prod.key\nserver: {public_url: \"https://a.example\", listen: "
                                   "\"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\n"
                                   "mail: {smtp: \"127.0.0.1:1\", from: a@a.example}\n");
  const auto end = ccpd.wait();
  CHECK(end.exit_code == 1);
  CHECK(end.out.find("says 'dev'") != std::string::npos);
}

TEST_CASE("--version, --help and wrong arguments") {
  const TempDir dir;
  CHECK(CcpdProcess(dir.path(), "", {"--version"}).wait().out == "ccpd " CCP_VERSION "\n");
  CHECK(CcpdProcess(dir.path(), "", {"--help"}).wait().out.find("--check-config") !=
        std::string::npos);
  const auto unknown = CcpdProcess(dir.path(), "", {"--nonsense"}).wait();
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.out.find("--help") != std::string::npos);
}
