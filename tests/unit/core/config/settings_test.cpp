#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/file.hpp"
#include "core/config/schema_validator.hpp"
#include "core/config/settings.hpp"
#include "core/config/yaml.hpp"

using namespace ccp;
using namespace ccp::config;

namespace {

std::string refusal(std::string_view yaml, const std::map<std::string, std::string>& environment = {}) {
  const auto result = parseSettings(yaml, "ccp.yaml", environment);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == Errc::config_invalid);
  return result.error().detail;
}

std::string tempDir() {
  std::string path = std::filesystem::temp_directory_path() / "ccp-config-XXXXXX";
  REQUIRE(mkdtemp(path.data()) != nullptr);
  return path;
}

constexpr const char* kCatalog = R"(
plans:
  fallback: community
  catalog:
    - {id: community}
    - id: solo
      title: Solo
      entitlements: [zai_offload, dashboards]
      limits: {seats: 1}
      prices:
        - {id: solo-month, interval: month, amount_minor: 2900, currency: USD, trial_days: 14, providers: {polar: {product: p1}}}
        - {id: solo-full, interval: month, amount_minor: 4900, currency: USD, privacy: full, providers: {stripe: {product: p1, price: price_2}}}
)";

}  // namespace

TEST_CASE("an empty file gives dev mode with its defaults") {
  const auto s = parseSettings("", "ccp.yaml", {});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->dev());
  CHECK(s->signup == "open");
  CHECK(s->server.listen == "127.0.0.1:8787");
  CHECK(s->license.access_ttl == minutes(15));
  CHECK(s->plans.find("community") != nullptr);
}

TEST_CASE("what nodes enforce follows the mode, unless it is said") {
  const auto s = parseSettings("", "ccp.yaml", {});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->policy.channel == "dev");
  CHECK(s->policy.lanes == std::vector<std::string>{"anthropic", "zai", "local"});
  CHECK(s->policy.stale_grace == hours(72));
  CHECK_FALSE(s->policy.replay_store.enabled);
  const auto said = parseSettings("policy: {channel: prod, lanes: [], max_flip: 0.5, decision_log: {sample_allow: 0, retention: 7d}, replay_store: {enabled: true}}", "ccp.yaml", {});
  REQUIRE_MESSAGE(said.has_value(), said.error().detail);
  CHECK(said->policy.channel == "prod");
  CHECK(said->policy.lanes.empty());
  CHECK(said->policy.max_flip == 0.5);
  CHECK(said->policy.decision_log.sample_allow == 0);
  CHECK(said->policy.decision_log.retention == hours(24 * 7));
  CHECK(said->policy.replay_store.enabled);
  CHECK(said->policy.replay_store.retention == hours(24 * 30));
  CHECK(refusal("policy:\n  root_sha256: abc\n").starts_with("ccp.yaml:2:16: /policy/root_sha256 "));
  CHECK(refusal("policy:\n  decision_log: {sample_allow: 2}\n").starts_with("ccp.yaml:2:32: /policy/decision_log/sample_allow "));
}

TEST_CASE("a finding names file, line, column and path") {
  CHECK(refusal("mode: dev\nserver:\n  listen: nowhere\n").starts_with("ccp.yaml:3:11: /server/listen "));
  CHECK(refusal("mode: dev\nsurver: {}\n") == "ccp.yaml:2:9: /surver is no setting of this section.");
  CHECK(refusal("mode: dev\nserver:\n  lissten: 127.0.0.1:1\n").starts_with("ccp.yaml:3:12: /server/lissten "));
  CHECK(refusal("plugins:\n  - {name: a, plugin: ccp.x}\n  - {name: a, plugin: ccp.y}\n").starts_with("ccp.yaml:3:12: /plugins/1/name "));
}

TEST_CASE("YAML that could mean two things is refused") {
  CHECK(refusal("mode: dev\nmode: prod\n") == "ccp.yaml:2:1: the key \"mode\" stands here twice.");
  CHECK(refusal("product: &p {id: a}\n").find("anchors") != std::string::npos);
  CHECK(refusal("product: *p\n").find("ccp.yaml:1:") == 0);
  CHECK(refusal("mode: !!str dev\n").find("tags") != std::string::npos);
  CHECK(refusal("mode: dev\n---\nmode: prod\n").find("more than one") != std::string::npos);
  CHECK(refusal("mode: [dev\n").find("ccp.yaml:") == 0);
  CHECK(refusal("mode: \"\xff\"\n").find("UTF-8") != std::string::npos);
  CHECK(refusal(std::string(200, '[') + std::string(200, ']')).find("levels") != std::string::npos);
}

TEST_CASE("scalars follow the YAML 1.2 core schema: yes and no are strings, quotes make strings") {
  const auto doc = parseYaml("a: yes\nb: 12\nc: \"12\"\nd: 1.5\ne: ~\nf: true\ng: 1e400\n", "x");
  REQUIRE(doc.has_value());
  CHECK(*doc->value["a"].asString() == "yes");
  CHECK(*doc->value["b"].asInt() == 12);
  CHECK(*doc->value["c"].asString() == "12");
  CHECK(*doc->value["d"].asDouble() == 1.5);
  CHECK(doc->value["e"].isNull());
  CHECK(*doc->value["f"].asBool());
  CHECK(doc->value["g"].isString());
}

TEST_CASE("the environment overrides the file, directly or from a file") {
  const auto dir = tempDir();
  REQUIRE(writeFileAtomic(dir + "/url", "postgresql://ccp@db/ccp\n").has_value());
  const auto s = parseSettings("server: {listen: 127.0.0.1:1}\n", "ccp.yaml",
                               {{"CCP_SERVER_LISTEN", "127.0.0.1:2"}, {"CCP_STORE_URL_FILE", dir + "/url"},
                                {"CCP_BILLING_GRACE_DAYS", "3"}, {"CCP_SECRET_POLAR_TOKEN", "x"}});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->server.listen == "127.0.0.1:2");
  CHECK(s->store.url == "postgresql://ccp@db/ccp");
  CHECK(s->billing.grace_days == 3);
  CHECK(s->billing.reminder_days == std::vector{1, 3, 6});
  CHECK(refusal("", {{"CCP_BILLING_GRACE_DAYS", "many"}}) == "CCP_BILLING_GRACE_DAYS must be an integer.");
  CHECK(refusal("", {{"CCP_STORE_URL", "sqlite:///a"}, {"CCP_STORE_URL_FILE", dir + "/url"}}).find("both set") != std::string::npos);
  std::filesystem::remove_all(dir);
}

TEST_CASE("CCP_MASTER_KEY_FILE is the setting master_key_file") {
  const auto s = parseSettings("", "/etc/ccp/ccp.yaml", {{"CCP_MASTER_KEY_FILE", "keys/master"}});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->master_key_file == "/etc/ccp/keys/master");
}

TEST_CASE("dev mode serves loopback only; prod mode asks for what it cannot do without") {
  CHECK(refusal("server: {listen: 0.0.0.0:80}\n").find("loopback") != std::string::npos);
  CHECK(refusal("mode: prod\nserver: {public_url: http://ccp.example}\n").find("https://") != std::string::npos);
  CHECK(refusal("mode: prod\nserver: {public_url: https://ccp.example}\n").find("master_key_file") != std::string::npos);
  CHECK(refusal("mode: prod\nmaster_key_file: k\nserver: {public_url: https://ccp.example}\n").find("/mail") != std::string::npos);
  const auto s = parseSettings("mode: prod\nmaster_key_file: k\nserver: {public_url: https://ccp.example}\n"
                               "mail: {smtp: smtp.example:587, from: a@example.com}\n", "ccp.yaml", {});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->signup == "closed");
}

TEST_CASE("clear text is for this machine and for proxies that are named") {
  const auto prod = [](const std::string& server) {
    return "mode: prod\nmaster_key_file: k\nmail: {smtp: smtp.example:587, from: a@example.com}\nserver:\n  public_url: https://ccp.example\n" + server;
  };
  const auto taken = [&](const std::string& server) {
    const auto s = parseSettings(prod(server), "/etc/ccp/ccp.yaml", {});
    CAPTURE(server);
    REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  };
  CHECK(refusal(prod("  listen: 0.0.0.0:80\n")).starts_with("ccp.yaml:6:11: /server/listen would take clear text from other machines"));
  taken("  listen: 127.0.0.1:80\n");
  taken("  listen: 0.0.0.0:80\n  trusted_proxies: [10.0.0.7]\n");
  taken("  listen: 0.0.0.0:443\n  tls: {cert_file: a, key_file: b}\n");
  CHECK(refusal(prod("  listen: 0.0.0.0:80\n  trusted_proxies: [10.0.0.7, 0.0.0.0/0]\n")).find("/server/trusted_proxies/1 trusts every address") != std::string::npos);
  CHECK(refusal("server: {public_url: http://localhost:1, tls: {cert_file: a, key_file: b}}\n").find("must be an https:// URL") != std::string::npos);
}

TEST_CASE("the settings of TLS fit together, or the mistake is named") {
  const auto tls = [](const std::string& section) { return "server:\n  tls: {cert_file: c.pem, " + section + "}\n"; };
  CHECK(refusal("server: {tls: {key_file: k}}\n").find("/server/tls") != std::string::npos);
  CHECK(refusal("server: {tls: {cert_file: c}}\n").find("either key_file, or key") != std::string::npos);
  CHECK(refusal(tls("key_file: k, key: {$secret: tls/key}")).find("either key_file, or key") != std::string::npos);
  CHECK(refusal(tls("key_file: k, client_auth: required")).find("needs client_ca_file") != std::string::npos);
  CHECK(refusal(tls("key_file: k, client_ca_file: ca")).find("must be optional or required") != std::string::npos);
  CHECK(refusal(tls("key_file: k, client_ca_file: ca, client_auth: required, client_paths: [/v1/x]")).find("/server/tls/client_paths") != std::string::npos);
  CHECK(refusal(tls("key_file: k, min_version: \"1.1\"")).find("/server/tls/min_version") != std::string::npos);
  const auto s = parseSettings(tls("key: {$secret: tls/key}, client_ca_file: /ca.pem, client_auth: optional, client_paths: [/v1/license/activate], min_version: 1.3"),
                               "/etc/ccp/ccp.yaml", {});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  REQUIRE(s->server.tls.has_value());
  CHECK(s->server.tls->cert_file == "/etc/ccp/c.pem");
  CHECK(s->server.tls->key_secret == "tls/key");
  CHECK(s->server.tls->client_ca_file == "/ca.pem");
  CHECK(s->server.tls->client_auth == ClientAuth::optional);
  CHECK_FALSE(s->server.tls->tls12);
  const auto named = parseSettings("", "/etc/ccp/ccp.yaml", {{"CCP_SERVER_TLS_CERT_FILE", "/c.pem"}, {"CCP_SERVER_TLS_KEY_FILE", "/k.pem"}});
  REQUIRE_MESSAGE(named.has_value(), named.error().detail);
  CHECK(named->server.tls->key_file == "/k.pem");
  CHECK(named->server.tls->tls12);
}

TEST_CASE("the plan catalog is found by price and by what the provider says") {
  const auto s = parseSettings(kCatalog, "ccp.yaml", {});
  REQUIRE_MESSAGE(s.has_value(), s.error().detail);
  CHECK(s->plans.findPrice("solo-month").price->trial_days == 14);
  CHECK(s->plans.findProvider("polar", "p1", "").price->id == "solo-month");
  CHECK(s->plans.findProvider("stripe", "p1", "price_2").price->id == "solo-full");
  CHECK(s->plans.findProvider("stripe", "p1", "price_3").price == nullptr);
  CHECK(s->plans.findProvider("polar", "p2", "").plan == nullptr);
}

TEST_CASE("the plan catalog refuses ids that stand twice and a fallback that does not exist") {
  CHECK(refusal("plans: {fallback: gold, catalog: [{id: community}]}\n").find("/plans/fallback") != std::string::npos);
  CHECK(refusal("plans:\n  catalog:\n    - {id: community}\n    - {id: community}\n").starts_with("ccp.yaml:4:12: /plans/catalog/1/id "));
  CHECK(refusal(std::string(kCatalog) + "        - {id: other, interval: month, amount_minor: 1, currency: USD, providers: {polar: {product: p1}}}\n")
            .find("another price") != std::string::npos);
}

TEST_CASE("a catalog in a file of its own names that file in its findings") {
  const auto dir = tempDir();
  REQUIRE(writeFileAtomic(dir + "/plans.yaml", "- id: community\n- id: solo\n  prices:\n    - {id: s, interval: week, amount_minor: 1, currency: USD}\n").has_value());
  const auto s = parseSettings("plans: {catalog: plans.yaml}\n", dir + "/ccp.yaml", {});
  REQUIRE_FALSE(s.has_value());
  CHECK(s.error().detail.starts_with(dir + "/plans.yaml:4:"));
  std::filesystem::remove_all(dir);
}

TEST_CASE("the shown configuration hides the password of the database URL") {
  const auto s = parseSettings("store: {url: \"postgresql://ccp:hunter2@db/ccp\"}\n", "ccp.yaml", {});
  REQUIRE(s.has_value());
  CHECK(describeSettings(*s).dump().find("hunter2") == std::string::npos);
}

TEST_CASE("secrets come from the environment, a named file, or the state directory, and nowhere else") {
  const auto dir = tempDir();
  REQUIRE(makeDirectories(dir + "/secrets/polar", 0700).has_value());
  REQUIRE(writeFileAtomic(dir + "/secrets/polar/token", "from-state\n", 0600).has_value());
  REQUIRE(writeFileAtomic(dir + "/elsewhere", "from-file\n", 0600).has_value());
  CHECK(SecretStore(dir, {{"CCP_SECRET_POLAR_TOKEN", "from-env"}}).get("polar/token")->text() == "from-env");
  CHECK(SecretStore(dir, {{"CCP_SECRET_POLAR_TOKEN_FILE", dir + "/elsewhere"}}).get("polar/token")->text() == "from-file");
  CHECK(SecretStore(dir, {}).get("polar/token")->text() == "from-state");
  const auto missing = SecretStore(dir, {}).get("polar/other");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().detail.find("CCP_SECRET_POLAR_OTHER") != std::string::npos);
  for (const auto* id : {"../elsewhere", "/etc/passwd", "a//b", "", "a/", "A"}) CHECK_FALSE(SecretStore(dir, {}).get(id).has_value());
  std::filesystem::remove_all(dir);
}

TEST_CASE("a secret that is kept in memory changes with its file") {
  const auto dir = tempDir();
  const auto file = dir + "/secrets/polar/token";
  REQUIRE(makeDirectories(dir + "/secrets/polar", 0700).has_value());
  REQUIRE(writeFileAtomic(file, "first", 0600).has_value());
  const SecretStore store(dir, {});
  CHECK(store.get("polar/token")->text() == "first");
  REQUIRE(writeFileAtomic(file, "third", 0600).has_value());  // within a moment, and of the same length
  CHECK(store.get("polar/token")->text() == "third");
  // Two files of one length, one behind a name that can be turned to the other.
  const SecretStore named(dir, {{"CCP_SECRET_SLACK_TOKEN_FILE", dir + "/link"}});
  REQUIRE(writeFileAtomic(dir + "/one", "of-one", 0600).has_value());
  REQUIRE(writeFileAtomic(dir + "/two", "of-two", 0600).has_value());
  std::filesystem::create_symlink(dir + "/one", dir + "/link");
  std::this_thread::sleep_for(std::chrono::milliseconds(3100));  // until they count as settled, and are kept
  CHECK(named.get("slack/token")->text() == "of-one");
  CHECK(named.get("slack/token")->text() == "of-one");
  std::filesystem::remove(dir + "/link");
  std::filesystem::create_symlink(dir + "/two", dir + "/link");
  CHECK(named.get("slack/token")->text() == "of-two");
  CHECK(store.get("polar/token")->text() == "third");
  std::ofstream(file, std::ios::in | std::ios::out) << "other";  // the same file, written in place
  CHECK(store.get("polar/token")->text() == "other");
  REQUIRE(writeFileAtomic(file, "fifth", 0600).has_value());  // another file under its name
  CHECK(store.get("polar/token")->text() == "fifth");
  std::filesystem::remove(file);
  CHECK(store.get("polar/token").error().code == Errc::secret_missing);
  std::filesystem::remove_all(dir);
}

TEST_CASE("a schema fills defaults and reports pointers") {
  const auto schema = Schema::compile(*parseJson(
      R"({"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"integer"},"b":{"type":"object","properties":{"c":{"type":"string","default":"x"}}}}})"));
  REQUIRE(schema.has_value());
  CHECK(schema->withDefaults(*parseJson(R"({"a":1,"b":{}})")).dump() == R"({"a":1,"b":{"c":"x"}})");
  CHECK(schema->validate(*parseJson(R"({"a":1})")).has_value());
  const auto wrong = schema->validate(*parseJson(R"({"a":1,"b":{"c":2}})"));
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().fields.front().pointer == "/b/c");
  CHECK_FALSE(schema->validate(*parseJson(R"({"z":1,"a":1})")).has_value());
}
