// Whose plugins a real ccpd runs: refused at start, trusted while it does not run, revoked while it does.
#include <doctest/doctest.h>

#include <csignal>

#include "core/base/file.hpp"
#include "core/package/trust/trusted_key.hpp"
#include "tests/integration/app/ccpd_process.hpp"
#include "tests/support/package_workshop.hpp"

using namespace ccp;
using test::CcpdProcess;
using test::TempDir;

namespace {

struct Site : test::PackageWorkshop {
  Site() : PackageWorkshop("test_marker", "acme_marker"), author(newKey()) {
    sign({&author});
    plugin::TrustedKey key;
    key.key = author.publicKey();
    key.prefixes = {"acme."};
    key.channels = {plugin::Channel::dev};
    key.grants = plugin::Grants::everything();
    Json body = key.terms();
    body.set("public_key", key.key.jwk());
    REQUIRE(writeFileAtomic(dir.path() + "/acme.json", body.dump()).has_value());
  }
  std::string yaml() const {
    return test::devYaml(dir.path(), "", "plugin_dir: " + root() + "\nplugins: [{name: pager, plugin: acme.marker}]\n");
  }
  test::Finished ends(std::vector<std::string> arguments = {}) const { return CcpdProcess(dir.path(), yaml(), std::move(arguments)).wait(); }
  Json admin(const CcpdProcess& ccpd, const std::string& method, const std::string& path, const std::string& body = {}) const {
    auto key = readFile(dir.path() + "/state/operator.key").value();
    key.pop_back();
    net::PocoHttpClient client;
    const auto answer = client.send({method, ccpd.publicUrl() + path, {{"Authorization", "Bearer " + key}, {"Content-Type", "application/json"}}, body}, {});
    REQUIRE(answer);
    REQUIRE_MESSAGE(answer->status == 200, answer->body);
    return *parseJson(answer->body);
  }
  TempDir dir;
  crypto::SigningKey author;
};

void checkSays(const std::string& text, const std::string& what) { CHECK_MESSAGE(text.find(what) != std::string::npos, text); }

}  // namespace

TEST_CASE("a third party's plugin: refused, trusted, run, revoked, refused") {
  const Site site;
  auto refused = site.ends();
  CHECK(refused.exit_code == 1);
  checkSays(refused.out, "which this server does not trust");

  const auto trusted = site.ends({"--trust-plugins", site.dir.path() + "/acme.json"});
  CHECK_MESSAGE(trusted.exit_code == 0, trusted.out);
  checkSays(trusted.out, "trusted key:" + site.author.publicKey().thumbprint());
  {
    CcpdProcess ccpd(site.dir.path(), site.yaml());
    REQUIRE_MESSAGE(ccpd.awaitServing(), ccpd.output());
    const auto plugin = [&] { return site.admin(ccpd, "GET", "/v1/admin/plugins")["plugins"].items().at(0); };
    CHECK(plugin().strOr("trust") == "key:" + site.author.publicKey().thumbprint());
    CHECK(plugin().strOr("isolation") == "process");
    CHECK(plugin().strOr("trust_problem").empty());
    // A running server keeps its state directory to itself.
    CHECK(site.ends({"--allow-rollback", "acme.marker=1.1.0"}).exit_code == 1);

    site.admin(ccpd, "POST", "/v1/admin/plugins/trust/" + site.author.publicKey().thumbprint() + "/revoke", R"({"reason":"laptop stolen"})");
    CHECK(plugin().strOr("state") == "ready");
    checkSays(plugin().strOr("trust_problem"), "key revoked at");
    checkSays(site.admin(ccpd, "GET", "/v1/admin/doctor").dump(), "plugin_trust_lost");
    ccpd.signal(SIGTERM);
    CHECK(ccpd.wait().exit_code == 0);
  }
  refused = site.ends();
  CHECK(refused.exit_code == 1);
  checkSays(refused.out, "(laptop stolen)");
  refused = site.ends({"--trust-plugins", site.dir.path() + "/acme.json"});
  CHECK(refused.exit_code == 1);
  checkSays(refused.out, "never trusted again");

  const auto lowered = site.ends({"--allow-rollback", "acme.marker=1.1.0"});
  CHECK_MESSAGE(lowered.exit_code == 0, lowered.out);
  checkSays(lowered.out, "acme.marker 1.1.0 and newer may load again");
  CHECK(site.ends({"--allow-rollback", "acme.marker"}).exit_code == 2);
  CHECK(site.ends({"--allow-rollback", "acme.other=1.0.0"}).exit_code == 1);
}
