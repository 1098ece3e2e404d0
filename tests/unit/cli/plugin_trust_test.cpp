// `ccp plugin trust`: what is sent to the server, and that options add to what a key has.
#include <doctest/doctest.h>

#include "core/base/file.hpp"
#include "core/package/trust/trusted_key.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

/// A server that keeps keys as the real one does, without its rules.
struct Operator : Person {
  Operator() {
    REQUIRE(ccp({"plugin", "keygen", dir / "acme.key", "--title", "Acme Inc"}).code == 0);
    kid = parseJson(*readFile(dir / "acme.key.pub"))->strOr("kid");
    http.handler = [this](const net::HttpRequest& request) -> Result<net::HttpResponse> {
      const std::string path = request.url.substr(std::string("https://ccp.example").size());
      if (request.method == "GET")
        return FakeHttp::json(200, Json::object({{"vendor", Json::object({{"kid", "v"}, {"prefix", "ccp."}})},
                                                 {"keys", key.isNull() ? Json::array() : Json::array({key})},
                                                 {"versions", *parseJson(R"([{"plugin":"acme.pager","version":"1.2.0"}])")}}));
      posted_to = path;
      posted = *parseJson(request.body);
      if (path == "/v1/admin/plugins/trust") {
        key = posted;
        key.set("kid", kid).set("state", "active");
      }
      return FakeHttp::json(200, Json::object({{"key", key}, {"version", Json::object()}}));
    };
  }
  Ran trust(std::vector<std::string> words) {
    const Variable operator_key("CCP_OPERATOR_KEY", "secret");
    words.insert(words.begin(), {"plugin", "trust"});
    words.insert(words.end(), {"--server", "https://ccp.example"});
    return ccp(words);
  }
  TempDir dir;
  std::string kid, posted_to;
  Json key, posted;
};

}  // namespace

TEST_CASE("a new key is trusted with what is named and with little else") {
  Operator op;
  const auto ran = op.trust({"add", "--prefix", "acme.", op.dir / "acme.key.pub", "--grant-egress", "https://api.acme.dev,https://*.acme.eu",
                             "--grant-secret", "acme/*", "--expires", "2027-06-30"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(op.posted == *parseJson(R"({"public_key":)" + op.posted["public_key"].dump() + R"(,"title":"Acme Inc","prefixes":["acme."],"channels":["dev","prod"],)"
                                R"("grants":{"egress":["https://api.acme.dev","https://*.acme.eu"],"secrets":["acme/*"],"services":["*"],"events":[],)"
                                R"("kv_bytes":1048576,"inproc":false},"expires_at":"2027-06-30T00:00:00Z"})"));
  CHECK(op.posted["public_key"].strOr("kty") == "OKP");
  CHECK(ran.out.find("Acme Inc") != std::string::npos);
}

TEST_CASE("options add to what a key has, --replace forgets it") {
  Operator op;
  REQUIRE(op.trust({"add", op.dir / "acme.key.pub", "--prefix", "acme.", "--channel", "prod", "--grant-egress", "https://a.acme.dev", "--grant-kv", "10"}).code == 0);
  REQUIRE(op.trust({"add", "key:" + op.kid, "--grant-egress", "https://b.acme.dev", "--inproc"}).code == 0);
  CHECK(op.posted["grants"]["egress"] == Json::array({"https://a.acme.dev", "https://b.acme.dev"}));
  CHECK(op.posted["grants"].intOr("kv_bytes") == 10);
  CHECK(op.posted["grants"].boolOr("inproc"));
  CHECK(op.posted["channels"] == Json::array({"prod"}));
  CHECK(op.posted.strOr("title") == "Acme Inc");
  // The key's file names the same key.
  REQUIRE(op.trust({"add", op.dir / "acme.key.pub", "--channel", "dev"}).code == 0);
  CHECK(op.posted["channels"] == Json::array({"prod", "dev"}));
  REQUIRE(op.trust({"add", op.kid, "--prefix", "acme.pager.", "--replace"}).code == 0);
  CHECK(op.posted["prefixes"] == Json::array({"acme.pager."}));
  CHECK(op.posted["grants"]["egress"].empty());
  CHECK_FALSE(op.posted["grants"].boolOr("inproc"));
}

TEST_CASE("--print asks no server") {
  Operator op;
  op.http.handler = {};
  const auto ran = op.trust({"add", op.dir / "acme.key.pub", "--prefix", "acme.", "--inproc", "--print"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  const auto key = plugin::parseTrustedKey(*parseJson(ran.out));
  REQUIRE(key);
  CHECK(key->kid() == op.kid);
  CHECK(key->grants.inproc);
}

TEST_CASE("mistakes are told before anything is sent") {
  Operator op;
  const auto file = op.dir / "acme.key.pub";
  CHECK(op.trust({"add", file}).err.find("--prefix") != std::string::npos);
  CHECK(op.trust({"add", file, "--prefix", "ccp."}).code == 2);
  CHECK(op.trust({"add", file, "--prefix", "acme"}).code == 2);
  CHECK(op.trust({"add", file, "--prefix", "acme.", "--expires", "tomorrow"}).code == 2);
  CHECK(op.trust({"add", file, "--prefix", "acme.", "--grant-egress", "http://acme.dev"}).code == 2);
  CHECK(op.trust({"add", "nobody", "--prefix", "acme."}).code != 0);
  CHECK(op.trust({"add", op.dir / "acme.key", "--prefix", "acme."}).code != 0);  // the private one
  CHECK(op.trust({"revoke", "x"}).code == 2);
  CHECK(op.posted.isNull());
}

TEST_CASE("revoke, rollback and list") {
  Operator op;
  REQUIRE(op.trust({"add", op.dir / "acme.key.pub", "--prefix", "acme."}).code == 0);
  REQUIRE(op.trust({"revoke", "key:" + op.kid, "--reason", "stolen"}).code == 0);
  CHECK(op.posted_to == "/v1/admin/plugins/trust/" + op.kid + "/revoke");
  CHECK(op.posted.strOr("reason") == "stolen");
  REQUIRE(op.trust({"rollback", "acme.pager", "--to", "1.1.0"}).code == 0);
  CHECK(op.posted_to == "/v1/admin/plugins/versions");
  CHECK(op.posted == Json::object({{"plugin", "acme.pager"}, {"version", "1.1.0"}}));
  const auto list = op.trust({"list"});
  CHECK(list.code == 0);
  CHECK(list.out.find(op.kid) != std::string::npos);
  CHECK(list.out.find("acme.pager 1.2.0") != std::string::npos);
}

}  // namespace ccp::cli
