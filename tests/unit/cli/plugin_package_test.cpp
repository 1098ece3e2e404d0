// `ccp plugin sign` and `verify`: what is written, and every step of the check with its exit code.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/manifest.hpp"
#include "core/package/trust/verify.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

/// An author with a key, and a package that has not been signed yet.
struct Author : Person {
  Author() {
    clock.advance(*parseRfc3339("2026-11-21T00:00:00Z") - clock.now());
    REQUIRE(ccp({"plugin", "keygen", key}).code == 0);
    dir.write("pager/pager.so", "\x7f" "ELF and more");
    dir.write("pager/schemas/config.json", R"({"type":"object"})");
    manifest(R"({"schema":"ccp.plugin/1","id":"acme.pager","version":"1.0.0","abi":{"major":1,"min_minor":0},)"
             R"("provides":["ccp.notifier/1"],"requires":["ccp.http/1"],"permissions":{"egress":["https://api.acme.dev"]},)"
             R"("isolation":{"allowed":["process"]},"config_schema":"schemas/config.json"})");
    ::chmod(folder.c_str(), 0755);
    ::chmod((folder + "/schemas").c_str(), 0755);
    for (const char* file : {"/pager.so", "/schemas/config.json"}) ::chmod((folder + file).c_str(), 0644);
  }
  void manifest(const std::string& text) {
    dir.write("pager/plugin.json", text);
    ::chmod((folder + "/plugin.json").c_str(), 0644);
  }
  Ran sign(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"plugin", "sign", folder, "--key", key};
    words.insert(words.end(), more.begin(), more.end());
    return ccp(words);
  }
  Ran verify(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"plugin", "verify", folder, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return ccp(words);
  }
  /// "files ok, signature failed": the steps of a run of verify.
  static std::string steps(const Ran& ran) {
    std::string out;
    const auto json = parseJson(ran.out);
    REQUIRE(json);
    for (const auto& step : (*json)["steps"].items())
      out += (out.empty() ? "" : ", ") + step.strOr("step") + " " + step.strOr("result");
    return out;
  }
  TempDir dir;
  const std::string key = dir / "acme.key";
  const std::string folder = dir / "pager";
};

}  // namespace

TEST_CASE("sign fills in the hashes of all files and the signature over them") {
  Author author;
  const auto ran = author.sign({"--json"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err << ran.out);
  const auto said = parseJson(ran.out);
  CHECK(said->strOr("plugin") == "acme.pager");
  CHECK((*said)["files"] == Json::array({"pager.so", "schemas/config.json"}));
  const std::string text = *readFile(author.folder + "/plugin.json");
  const auto manifest = plugin::parseManifest(text);
  REQUIRE(manifest);
  CHECK(manifest->files.at("pager.so") == sha256Hex(*readFile(author.folder + "/pager.so")));
  const auto envelope = crypto::parseDsse(*readFile(author.folder + "/plugin.json.dsse"));
  REQUIRE(envelope);
  CHECK(envelope->payload == text);
  CHECK(envelope->signatures.size() == 1);
  // A second time changes nothing but the file's age.
  CHECK_FALSE(parseJson(author.sign({"--json"}).out)->boolOr("manifest_changed", true));
  CHECK(*readFile(author.folder + "/plugin.json") == text);
  // By the manifest's own path as well.
  CHECK(author.ccp({"plugin", "sign", author.folder + "/plugin.json", "--key", author.key}).code == 0);
}

TEST_CASE("sign refuses what a server would, and a key that would be given away") {
  Author author;
  SUBCASE("a manifest that breaks a rule") {
    author.manifest(R"({"schema":"ccp.plugin/1","id":"acme.pager","version":"one"})");
    const auto ran = author.sign();
    CHECK(ran.code == 1);
    CHECK_MESSAGE(ran.err.find("version must be three numbers") != std::string::npos, ran.err);
    CHECK_FALSE(fileExists(author.folder + "/plugin.json.dsse"));
  }
  SUBCASE("two libraries") {
    author.dir.write("pager/other.so", "x");
    CHECK(author.sign().err.find("exactly one .so") != std::string::npos);
  }
  SUBCASE("the key inside of the package") {
    std::filesystem::rename(author.key, author.folder + "/acme.key");
    const auto ran = author.ccp({"plugin", "sign", author.folder, "--key", author.folder + "/acme.key"});
    CHECK(ran.code == 2);
    CHECK(ran.err.find("inside of the package") != std::string::npos);
  }
}

TEST_CASE("a further signature is added to the same manifest only") {
  Author author;
  const std::string second = author.dir / "second.key";
  REQUIRE(author.ccp({"plugin", "keygen", second}).code == 0);
  REQUIRE(author.sign().code == 0);
  const auto add = [&] { return author.ccp({"plugin", "sign", author.folder, "--key", second, "--add", "--json"}); };
  CHECK((*parseJson(add().out))["signatures"].size() == 2);
  CHECK((*parseJson(add().out))["signatures"].size() == 2);  // its own is replaced
  for (const auto& key : {author.key, second}) CHECK(author.verify({"--key", key + ".pub"}).code == 0);
  author.dir.write("pager/pager.so", "other bytes");
  const std::string before = *readFile(author.folder + "/plugin.json");
  CHECK(add().code != 0);
  CHECK(*readFile(author.folder + "/plugin.json") == before);
}

TEST_CASE("verify tells each step, and stops at the first that fails") {
  Author author;
  REQUIRE(author.sign().code == 0);
  const std::vector<std::string> mine{"--key", author.key + ".pub"};
  const char* kAll = "files ok, signature ok, grants skipped, hashes ok, compatible ok, isolation ok";
  SUBCASE("all is well") {
    const auto ran = author.verify(mine);
    CHECK(ran.code == 0);
    CHECK(Author::steps(ran) == kAll);
    const auto said = parseJson(ran.out);
    CHECK(said->strOr("isolation") == "process");
    CHECK(said->strOr("install_as") == "acme_pager");
    CHECK(author.ccp({"plugin", "verify", author.folder, "--key", author.key + ".pub"}).out.find("hashes") != std::string::npos);
  }
  SUBCASE("nobody here knows the key") {
    const auto ran = author.verify();
    CHECK(ran.code == 3);
    CHECK(Author::steps(ran) == "files ok, signature failed");
    CHECK(ran.out.find("ccp plugin trust add FILE.pub --prefix acme.") != std::string::npos);
  }
  SUBCASE("not signed") {
    std::filesystem::remove(author.folder + "/plugin.json.dsse");
    CHECK(author.verify(mine).code == 3);
    const auto dev = author.verify({"--channel", "dev"});
    CHECK(dev.code == 0);
    CHECK(parseJson(dev.out)->strOr("trust") == "unsigned");
  }
  SUBCASE("a changed manifest") {
    std::string text = *readFile(author.folder + "/plugin.json");
    text.replace(text.find("1.0.0"), 5, "1.0.1");
    author.manifest(text);
    const auto ran = author.verify(mine);
    CHECK(ran.code == 1);
    CHECK(Author::steps(ran) == "files ok, signature failed");
  }
  SUBCASE("a changed file") {
    author.dir.write("pager/schemas/config.json", R"({"type":"array"})");
    const auto ran = author.verify(mine);
    CHECK(ran.code == 1);
    CHECK(Author::steps(ran) == "files ok, signature ok, grants skipped, hashes failed");
    CHECK(ran.out.find("schemas/config.json") != std::string::npos);
  }
  SUBCASE("a folder that others may write to") {
    ::chmod(author.folder.c_str(), 0777);
    const auto ran = author.verify(mine);
    CHECK(ran.code == 1);
    CHECK(Author::steps(ran) == "files failed");
    CHECK(ran.out.find("chmod go-w") != std::string::npos);
  }
  SUBCASE("for another ABI, or over") {
    for (const auto& [change, code] : {std::pair<const char*, int>{R"("abi":{"major":2})", 1},
                                       std::pair<const char*, int>{R"("abi":{"major":1},"expires":"2026-11-20T00:00:00Z")", 5}}) {
      author.manifest(std::string(R"({"schema":"ccp.plugin/1","id":"acme.pager","version":"1.0.0","provides":["ccp.notifier/1"],)") + change + "}");
      REQUIRE(author.sign().code == 0);
      const auto ran = author.verify(mine);
      CHECK(ran.code == code);
      CHECK(Author::steps(ran) == "files ok, signature ok, grants skipped, hashes ok, compatible failed");
    }
  }
}

TEST_CASE("verify judges by the keys and grants of a server") {
  Author author;
  REQUIRE(author.sign().code == 0);
  const auto key = parseJson(*readFile(author.key + ".pub"));
  Json trusted = Json::object({{"kid", key->strOr("kid")},
                               {"title", "Acme Inc"},
                               {"state", "active"},
                               {"public_key", Json::object({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", key->strOr("x")}})},
                               {"prefixes", Json::array({"acme."})},
                               {"channels", Json::array({"prod"})},
                               {"grants", *parseJson(R"({"egress":["https://api.acme.dev"],"secrets":[],"services":["*"],"events":[],"kv_bytes":0,"inproc":false})")},
                               {"expires_at", Json()},
                               {"revoked_at", Json()},
                               {"revoked_reason", ""}});
  std::string vendor = plugin::TrustStore::vendorOfThisBuild()->thumbprint();
  author.http.handler = [&](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    CHECK(request.url == "https://ccp.example/v1/admin/plugins/trust");
    return FakeHttp::json(200, Json::object({{"vendor", Json::object({{"kid", vendor}, {"prefix", "ccp."}})},
                                             {"keys", Json::array({trusted})},
                                             {"versions", Json::array()}}));
  };
  const Variable operator_key("CCP_OPERATOR_KEY", "secret");
  const auto verify = [&] { return author.verify({"--trust-of-server", "--server", "https://ccp.example"}); };
  CHECK(verify().code == 0);
  CHECK(Author::steps(verify()) == "files ok, signature ok, grants ok, hashes ok, compatible ok, isolation ok");
  SUBCASE("less granted") {
    trusted.set("grants", Json::object());
    const auto ran = verify();
    CHECK(ran.code == 1);
    CHECK(ran.out.find("--grant-egress https://api.acme.dev") != std::string::npos);
  }
  SUBCASE("revoked") {
    trusted.set("revoked_at", "2026-11-20T00:00:00Z").set("revoked_reason", "stolen");
    CHECK(verify().code == 1);
    CHECK(verify().out.find("was revoked") != std::string::npos);
  }
  SUBCASE("expired") {
    trusted.set("expires_at", "2026-11-20T00:00:00Z");
    CHECK(verify().code == 5);
  }
  SUBCASE("another build") {
    vendor = "another";
    CHECK(verify().code != 0);
    CHECK(verify().out.find("different builds") != std::string::npos);
  }
}

}  // namespace ccp::cli
