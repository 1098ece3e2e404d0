// `ccp plugin list | inspect | health | swap | drain`: what they ask the server and what people read.
#include <doctest/doctest.h>

#include <sys/stat.h>

#include "core/base/encoding.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;


Json instance(const std::string& name, const std::string& state = "ready", const std::string& detail = "") {
  return *parseJson(R"({"name":")" + name + R"(","plugin":"acme.pager","version":"1.2.0","isolation":"process","trust":"key:rTAbCdEfGhIjK","state":")" + state +
                    R"(","detail":")" + detail + R"(","provides":["ccp.notifier/1"],"in_flight":3,"abandoned":0,"since":"2026-11-21T05:00:00Z","trust_problem":"",
                    "process":{"pid":4711,"restarts":1,"breaker":"closed","rss_bytes":1572864},"sha256":"00ff","egress":{"origins":[],"private_addresses":false},
                    "manifest":{"id":"acme.pager","version":"1.2.0","abi":"1.0","provides":["ccp.notifier/1"],"requires":["ccp.http/1"],"optional":[],
                      "permissions":{"egress":["https://api.acme.dev"],"secrets":["acme/*"],"events":[],"kv_bytes":0},"isolation_allowed":["process"],
                      "max_concurrency":1,"op_timeout_ms":2000,"output_bytes":65536,"rss_bytes":67108864,"expires_at":null},
                    "operations":[{"operation":"send","calls":1200,"errors":2,"mean_ms":1.5,"max_ms":30.25}]})");
}

Json facts(const std::string& version) {
  return Json::object({{"plugin", "acme.pager"}, {"version", version}, {"trust", "vendor"}, {"isolation", "process"}});
}

std::vector<std::string> with(const std::vector<std::string>& words) {
  std::vector<std::string> out{"plugin"};
  out.insert(out.end(), words.begin(), words.end());
  out.insert(out.end(), {"--server", "https://ccp.example"});
  return out;
}

/// A package of one library; unsigned.
std::string package(const TempDir& dir) {
  const std::string library = "not really a library";
  dir.write("pkg/acme.so", library);
  dir.write("pkg/plugin.json", R"({"schema":"ccp.plugin/1","id":"acme.pager","version":"1.2.0","abi":{"major":1,"min_minor":0},"provides":["ccp.notifier/1"],
    "requires":[],"permissions":{"egress":[],"secrets":[],"kv_bytes":0},"isolation":{"allowed":["process"]},"max_concurrency":1,
    "limits":{"op_timeout_ms":2000,"output_bytes":4096},"files":{"acme.so":"sha256:)" + sha256Hex(library) + R"("}})");
  return dir / "pkg";
}

}  // namespace

TEST_CASE("plugin list shows a table, and says below it what is not well") {
  Person person;
  const Variable key("CCP_OPERATOR_KEY", "opkey");
  person.http.handler = [](const net::HttpRequest&) {
    return FakeHttp::json(200, Json::object({{"plugins", Json::array({instance("pager"), instance("other", "broken", "it crashed 5 times")})}}));
  };
  const auto ran = person.ccp(with({"list"}));
  REQUIRE(ran.code == 0);
  CHECK(person.http.requests.at(0).url == "https://ccp.example/v1/admin/plugins");
  CHECK(headerOf(person.http.requests.at(0), "Authorization") == "Bearer opkey");
  CHECK(ran.out.find("pager     acme.pager  1.2.0    ready   process    key rTAbCdEf…      3  ccp.notifier/1") != std::string::npos);
  CHECK(ran.out.find("other: broken, it crashed 5 times\n") != std::string::npos);
  CHECK(ran.out.find("pager: ") == std::string::npos);
  CHECK(person.ccp(with({"list", "--json"})).json()["plugins"].size() == 2);
  person.http.handler = [](const net::HttpRequest&) { return FakeHttp::json(200, Json::object({{"plugins", Json::array()}})); };
  CHECK(person.ccp(with({"list"})).out == "No plugin is configured.\n");
}

TEST_CASE("plugin inspect shows process, permissions and operations of an instance") {
  Person person;
  const Variable key("CCP_OPERATOR_KEY", "opkey");
  person.http.handler = [](const net::HttpRequest&) { return FakeHttp::json(200, Json::object({{"plugin", instance("pager")}})); };
  const auto ran = person.ccp(with({"inspect", "pager"}));
  REQUIRE(ran.code == 0);
  CHECK(person.http.requests.at(0).url == "https://ccp.example/v1/admin/plugins/pager");
  for (const char* line : {"runs in       process 4711, 1 restart, breaker closed, 1.5 MiB", "egress        https://api.acme.dev", "secrets       acme/*",
                           "limits        1 call at once, 2,000 ms and 64 KiB of output each, 64 MiB of memory",
                           "send       1,200       2     1.50   30.25"}) {
    CHECK_MESSAGE(ran.out.find(line) != std::string::npos, ran.out);
  }
}

TEST_CASE("plugin health asks one or all, and its exit code tells") {
  Person person;
  const Variable key("CCP_OPERATOR_KEY", "opkey");
  person.http.handler = [](const net::HttpRequest& request) {
    if (request.url.ends_with("/plugins")) return FakeHttp::json(200, Json::object({{"plugins", Json::array({instance("a"), instance("b")})}}));
    const bool a = request.url.find("/plugins/a/") != std::string::npos;
    return FakeHttp::json(200, Json::object({{"health", Json::object({{"name", a ? "a" : "b"}, {"status", a ? "ok" : "failing"}, {"detail", a ? "" : "no\x1b[2J token"}})}}));
  };
  const auto all = person.ccp(with({"health"}));
  CHECK(all.code == 1);
  CHECK(all.out == "a: ok\nb: failing, no?[2J token\n");
  CHECK(person.ccp(with({"health", "a"})).code == 0);
  CHECK(person.ccp(with({"health", "--json"})).json()["health"].size() == 2);
}

TEST_CASE("plugin swap and drain say what became of the instance, or why nothing did") {
  Person person;
  const Variable key("CCP_OPERATOR_KEY", "opkey");
  bool drained = true;
  person.http.handler = [&](const net::HttpRequest&) {
    return FakeHttp::json(200, Json::object({{"change", Json::object({{"before", facts("1.2.0")}, {"after", facts("1.3.0")}, {"drained", drained}})}, {"plugin", instance("pager")}}));
  };
  auto ran = person.ccp(with({"swap", "pager", "--reason", "new release"}));
  REQUIRE(ran.code == 0);
  CHECK(person.http.requests.back().method == "POST");
  CHECK(person.http.requests.back().url == "https://ccp.example/v1/admin/plugins/pager/swap");
  CHECK(parseJson(person.http.requests.back().body)->strOr("reason") == "new release");
  CHECK(ran.out == "Swapped pager: acme.pager 1.2.0 (vendor, process) → acme.pager 1.3.0 (vendor, process), ready\n");
  CHECK(ran.err.empty());
  drained = false;
  ran = person.ccp(with({"drain", "pager"}));
  CHECK(ran.out == "Drained pager: acme.pager 1.2.0 (vendor, process) takes no calls any more.\n");
  CHECK(ran.err.find("Calls still run") != std::string::npos);
  CHECK(ran.err.find("ccp plugin swap pager") != std::string::npos);
  person.http.handler = [](const net::HttpRequest&) {
    return FakeHttp::json(409, Json::object({{"code", "conflict"}, {"title", "No"}, {"detail", "Plugin instance \"pager\" was not swapped; acme.pager 1.2.0 goes on as before. Step \"health\": no token"}}));
  };
  ran = person.ccp(with({"swap", "pager"}));
  CHECK(ran.code != 0);
  CHECK(ran.err.find("Step \"health\": no token") != std::string::npos);
}

TEST_CASE("admin reload says what was applied and what waits") {
  Person person;
  const Variable key("CCP_OPERATOR_KEY", "opkey");
  Json report = *parseJson(R"({"plugins":[{"action":"swap","instance":"polar"}],"applied":["billing.default","plugins"],"needs_restart":["server.listen"]})");
  person.http.handler = [&](const net::HttpRequest&) { return FakeHttp::json(200, Json::object({{"reload", report}})); };
  const auto ran = person.ccp({"admin", "reload", "--server", "https://ccp.example"});
  REQUIRE(ran.code == 0);
  CHECK(person.http.requests.at(0).url == "https://ccp.example/v1/admin/reload");
  CHECK(ran.out == "Applied billing.default, plugins.\n  swap polar\nNeeds a restart of ccpd: server.listen\n");
  report = *parseJson(R"({"plugins":[],"applied":[],"needs_restart":[]})");
  CHECK(person.ccp({"admin", "reload", "--server", "https://ccp.example"}).out == "Nothing changed that could be applied.\n");
}

TEST_CASE("plugin inspect reads a package without a server") {
  Person person;
  TempDir dir;
  const std::string path = package(dir);
  auto ran = person.ccp({"plugin", "inspect", path});
  CHECK(ran.code == 1);  // unsigned
  CHECK(person.http.requests.empty());
  CHECK(ran.out.find("acme.pager  1.2.0") != std::string::npos);
  CHECK(ran.out.find("fail  not signed") != std::string::npos);
  CHECK(ran.out.find("ok    1 file as the manifest says") != std::string::npos);
  ran = person.ccp({"plugin", "inspect", path + "/acme.so", "--json"});
  CHECK(ran.json()["manifest"].strOr("id") == "acme.pager");
  CHECK(ran.json()["findings"].size() == 3);

  dir.write("pkg/acme.so", "changed after signing");
  ran = person.ccp({"plugin", "inspect", path});
  CHECK(ran.code == 1);
  CHECK(ran.out.find("The file was changed") != std::string::npos);
  dir.write("other/lonely.so", "x");
  ran = person.ccp({"plugin", "inspect", dir / "other/lonely.so"});
  CHECK(ran.code != 0);
  CHECK(ran.err.find("has no plugin.json") != std::string::npos);
  dir.write("pkg/second.so", "x");
  CHECK(person.ccp({"plugin", "inspect", path + "/second.so"}).out.find("second.so does not belong to this package") != std::string::npos);
}

}  // namespace ccp::cli
