// Who may sign what: every way in which a signature is not good enough, and what the refusal tells.
#include "core/package/trust/verify.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "core/package/package.hpp"
#include "core/package/trust/key_file.hpp"
#include "tests/support/package_workshop.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

const Timestamp kNow = *parseRfc3339("2026-11-21T00:00:00Z");

/// A third party's package, and a server that trusts its key with exactly what it asks for.
struct Acme : test::PackageWorkshop {
  Acme() : PackageWorkshop("test_marker", "acme_marker"), vendor(newKey()), author(newKey()), rival(newKey()) {
    key.key = author.publicKey();
    key.title = "Acme Inc";
    key.prefixes = {"acme."};
    key.channels = {Channel::prod};
    key.grants = {{"https://api.acme.dev"}, {"acme/*"}, {"ccp.http/1", "ccp.kv/1"}, {"pager.*"}, 4096, false};
    sign({&author});
  }
  Result<Package> read(Channel channel = Channel::prod) {
    std::vector<TrustedKey> keys = others;
    keys.push_back(key);
    return readPackage(root(), "acme.marker", TrustStore(vendor.publicKey(), std::move(keys)), channel, kNow);
  }
  crypto::SigningKey vendor, author, rival;
  TrustedKey key;
  std::vector<TrustedKey> others;
};

/// "acme.marker 1.2.0" must stand in every refusal, as must the file.
void checkNames(const std::string& text, const std::vector<std::string>& parts) {
  for (const auto& part : parts) CHECK_MESSAGE(text.find(part) != std::string::npos, "\"" << part << "\" is not in: " << text);
}

}  // namespace

TEST_CASE("a third party's plugin is read on the word of a trusted key") {
  Acme w;
  const auto package = w.read();
  REQUIRE_MESSAGE(package.has_value(), package.error().detail);
  CHECK(package->trust == "key:" + w.author.publicKey().thumbprint());
  CHECK(package->signer.find("Acme Inc") != std::string::npos);
  CHECK_FALSE(package->inproc);
}

TEST_CASE("a package that its key is not good enough for is refused with file, plugin, finding, need and remedy") {
  struct Case {
    const char* name;
    std::function<void(Acme&)> damage;
    std::vector<std::string> says;
  };
  const Case cases[] = {
      {"tampered manifest", [](Acme& w) { w.edit([](Json& m) { m.set("max_concurrency", 64); }); },
       {"/acme_marker/plugin.json of the plugin acme.marker 1.2.0", "changed after signing", "Install the package again"}},
      {"tampered manifest in the envelope too",
       [](Acme& w) {
         const auto signature = crypto::parseDsse(*readFile(w.folder + "/plugin.json.dsse"))->signatures.at(0);
         w.edit([](Json& m) { m.set("max_concurrency", 64); });
         w.writeEnvelope(Json::object({{"payloadType", crypto::kPayloadPluginManifest},
                                       {"payload", base64Encode(bytesOf(w.manifest()))},
                                       {"signatures", Json::array({Json::object({{"keyid", signature.keyid}, {"sig", base64Encode(signature.signature)}})})}})
                             .dump());
       },
       {"plugin.json.dsse", "acme.marker 1.2.0", "Acme Inc", "does not verify", "Install the package again"}},
      {"another plugin's signature",
       [](Acme& w) {
         const std::string mine = w.manifest();
         w.edit([](Json& m) { m.set("id", "acme.other"); });
         w.sign({&w.author});
         REQUIRE(writeFileAtomic(w.folder + "/plugin.json", mine).has_value());
       },
       {"plugin.json.dsse is the signature of \"acme.other 1.2.0\"", "says acme.marker 1.2.0", "different packages"}},
      {"the signature of an older version",
       [](Acme& w) {
         const std::string mine = w.manifest();
         w.edit([](Json& m) { m.set("version", "1.1.0"); });
         w.sign({&w.author});
         REQUIRE(writeFileAtomic(w.folder + "/plugin.json", mine).has_value());
       },
       {"is the signature of \"acme.marker 1.1.0\"", "says acme.marker 1.2.0"}},
      {"a document of another kind", [](Acme& w) { w.sign({&w.author}, crypto::kPayloadKeyRing); }, {"plugin.json.dsse", "acme.marker 1.2.0", "keyring"}},
      {"unknown key", [](Acme& w) { w.sign({&w.rival}); },
       {"plugin.json.dsse: the plugin acme.marker 1.2.0", "this server does not trust", "`ccp plugin trust add FILE.pub --prefix acme.`"}},
      {"another key under the id of a trusted one",
       [](Acme& w) {
         w.sign({&w.rival});
         std::string text = *readFile(w.folder + "/plugin.json.dsse");
         const std::string from = w.rival.publicKey().thumbprint(), to = w.author.publicKey().thumbprint();
         text.replace(text.find(from), from.size(), to);
         w.writeEnvelope(text);
       },
       {"Acme Inc", "does not verify"}},
      {"expired key", [](Acme& w) { w.key.expires_at = kNow; },
       {"acme.marker 1.2.0", "Acme Inc", "which expired at 2026-11-21T00:00:00Z", "--expires DATE"}},
      {"revoked key",
       [](Acme& w) {
         w.key.revoked_at = kNow - hours(1);
         w.key.revoked_reason = "laptop stolen";
       },
       {"acme.marker 1.2.0", "which was revoked at 2026-11-20T23:00:00Z (laptop stolen)", "another key"}},
      {"prefix not allowed", [](Acme& w) { w.key.prefixes = {"acme.pager.", "acmelabs."}; },
       {"acme.marker 1.2.0", "ids that begin with \"acme.pager.\", \"acmelabs.\"", "`ccp plugin trust add key:", " --prefix acme.`"}},
      {"channel not allowed", [](Acme& w) { w.key.channels = {Channel::dev}; },
       {"acme.marker 1.2.0", "not trusted in prod mode", "--channel prod"}},
      {"egress that is not granted", [](Acme& w) { w.key.grants.egress = {"https://api.acme.example"}; },
       {"acme.marker 1.2.0", "/acme_marker/plugin.json", "permissions.egress \"https://api.acme.dev\"", "grants this key https://api.acme.example",
        "--grant-egress https://api.acme.dev"}},
      {"a secret that is not granted", [](Acme& w) { w.key.grants.secrets = {"acme/token"}; },
       {"permissions.secrets \"acme/*\"", "grants this key acme/token", "--grant-secret 'acme/*'`"}},
      {"an event that is not granted", [](Acme& w) { w.key.grants.events = {}; },
       {"permissions.events \"pager.sent\"", "grants this key nothing", "--grant-event pager.sent"}},
      {"a service that is not granted", [](Acme& w) { w.key.grants.services = {"ccp.kv/1"}; },
       {"the host service \"ccp.http/1\"", "grants this key ccp.kv/1", "--grant-service ccp.http/1"}},
      {"an optional service that is not granted", [](Acme& w) { w.key.grants.services = {"ccp.http/1"}; }, {"the host service \"ccp.kv/1\""}},
      {"more storage than granted", [](Acme& w) { w.key.grants.kv_bytes = 4095; }, {"permissions.kv_bytes \"4096\"", "grants this key 4095", "--grant-kv 4096"}},
      {"two things that are not granted",
       [](Acme& w) {
         w.key.grants.egress = {};
         w.key.grants.secrets = {};
       },
       {"permissions.egress", "and for permissions.secrets", "--grant-egress https://api.acme.dev --grant-secret 'acme/*'`"}},
      {"the vendor's key", [](Acme& w) { w.sign({&w.vendor}); }, {"acme.marker 1.2.0", "signs ids that begin with \"ccp.\" only"}},
      {"no signature", [](Acme& w) { w.unsign(); },
       {"/acme_marker/plugin.json.dsse: the plugin acme.marker 1.2.0 is not signed", "In prod mode every plugin needs", "ccp plugin sign "}},
      {"a signature behind a symbolic link",
       [](Acme& w) {
         std::filesystem::rename(w.folder + "/plugin.json.dsse", w.root() + "/elsewhere");
         std::filesystem::create_symlink(w.root() + "/elsewhere", w.folder + "/plugin.json.dsse");
       },
       {"plugin.json.dsse is a symbolic link"}},
      {"two signatures, neither good enough",
       [](Acme& w) {
         w.key.channels = {Channel::dev};
         w.sign({&w.rival, &w.author});
       },
       {"holds 2 signatures, and none of them is enough", "[1]", "does not trust", "[2]", "not trusted in prod mode"}},
      {"tampered library",
       [](Acme& w) {
         std::string bytes = *readFile(w.library());
         bytes.back() = static_cast<char>(bytes.back() ^ 1);
         REQUIRE(writeFileAtomic(w.library(), bytes).has_value());
       },
       {"acme.marker 1.2.0", "test_marker.so has the SHA-256", "its manifest says", "changed after signing"}},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    Acme w;
    c.damage(w);
    const auto package = w.read();
    REQUIRE_FALSE(package.has_value());
    CHECK(package.error().code == Errc::plugin_refused);
    checkNames(package.error().detail, c.says);
    CHECK_MESSAGE(package.error().detail.ends_with('.'), package.error().detail);
  }
}

TEST_CASE("of several signatures, one that is good for everything is enough") {
  Acme w;
  w.sign({&w.rival, &w.author});
  CHECK(w.read().has_value());
  // A key that was revoked does not spoil what another one signed as well.
  TrustedKey revoked = w.key;
  revoked.key = w.rival.publicKey();
  revoked.revoked_at = kNow;
  w.others = {revoked};
  const auto package = w.read();
  REQUIRE(package.has_value());
  CHECK(package->trust == "key:" + w.author.publicKey().thumbprint());
  // But grants of two keys do not add up.
  w.others[0].revoked_at.reset();
  w.others[0].grants.egress = {};
  w.key.grants.secrets = {};
  CHECK_FALSE(w.read().has_value());
}

TEST_CASE("no key of the trust store is ever good for a first-party id") {
  Acme w;
  w.edit([](Json& m) { m.set("id", "ccp.marker"); });
  w.sign({&w.author});
  // As nobody could store it: the check does not lean on the one at the door.
  w.key.prefixes = {"ccp.", "acme."};
  const TrustStore trust(w.vendor.publicKey(), {w.key});
  const auto refused = trust.verify(*readFile(w.folder + "/plugin.json.dsse"), w.manifest(), Channel::prod, kNow, w.folder);
  REQUIRE_FALSE(refused.has_value());
  checkNames(refused.error().detail, {"ccp.marker 1.2.0", "need the vendor key", "no other key is ever granted"});
  w.sign({&w.vendor});
  const auto vendor = trust.verify(*readFile(w.folder + "/plugin.json.dsse"), w.manifest(), Channel::prod, kNow, w.folder);
  REQUIRE_MESSAGE(vendor.has_value(), vendor.error().detail);
  CHECK(vendor->trust == "vendor");
  CHECK(vendor->inproc);
}

TEST_CASE("an unsigned plugin passes in dev mode, outside of ccp. only, and says so") {
  Acme w;
  w.unsign();
  const auto package = w.read(Channel::dev);
  REQUIRE_MESSAGE(package.has_value(), package.error().detail);
  CHECK(package->trust == "unsigned");
  CHECK_FALSE(package->inproc);
  // What is signed badly is not taken for unsigned.
  w.sign({&w.rival});
  CHECK_FALSE(w.read(Channel::dev).has_value());
  const TrustStore trust(w.vendor.publicKey());
  w.edit([](Json& m) { m.set("id", "ccp.marker"); });
  const auto first_party = trust.verify(std::nullopt, w.manifest(), Channel::dev, kNow, w.folder);
  REQUIRE_FALSE(first_party.has_value());
  checkNames(first_party.error().detail, {"ccp.marker 1.2.0", "vendor key", "in dev mode too"});
}

TEST_CASE("text of an unverified file reaches messages without control characters") {
  const auto key = test::PackageWorkshop("test_marker", "x").newKey();
  const TrustStore trust(key.publicKey());
  const auto refused = trust.verify("{}", R"({"id":"\u001b[31mccp.evil\n","version":"1.0.0"})", Channel::prod, kNow, "folder");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().detail.find('\x1b') == std::string::npos);
  CHECK(refused.error().detail.find('\n') == std::string::npos);
}

TEST_CASE("grants cover what they say and no more") {
  struct Case {
    const char* pattern;
    const char* origin;
    bool covers;
  };
  const Case origins[] = {
      {"https://api.acme.dev", "https://api.acme.dev", true},   {"https://api.acme.dev", "https://api.acme.dev:8443", false},
      {"https://*.acme.dev", "https://api.acme.dev", true},     {"https://*.acme.dev", "https://eu.api.acme.dev", true},
      {"https://*.acme.dev", "https://acme.dev", false},        {"https://*.acme.dev", "https://evilacme.dev", false},
      {"https://*.acme.dev", "https://acme.dev.evil.example", false}, {"https://*.acme.dev", "https://api.acme.dev:8443", false},
      {"https://*.acme.dev:8443", "https://api.acme.dev:8443", true}, {"https://*.acme.dev:8443", "https://api.acme.dev", false},
      {"*", "https://anything.example", true},
  };
  for (const auto& c : origins) CHECK_MESSAGE(matchesOrigin(c.pattern, c.origin) == c.covers, c.pattern << " and " << c.origin);

  const auto missing = [](const char* granted, const char* asked) {
    Manifest m;
    m.permissions.secrets = {asked};
    Grants grants;
    grants.secrets = {granted};
    return missingGrants(m, grants).size() == 1;
  };
  CHECK_FALSE(missing("acme/*", "acme/*"));
  CHECK_FALSE(missing("acme/*", "acme/token"));
  CHECK_FALSE(missing("acme/*", "acme/eu/*"));
  CHECK_FALSE(missing("*", "acme/*"));
  CHECK(missing("acme/token", "acme/*"));
  CHECK(missing("acme/eu/*", "acme/*"));
  CHECK(missing("acme/*", "acmelabs/token"));

  Manifest quiet;
  quiet.required_services = {"ccp.log/1", "ccp.clock/1"};
  CHECK(missingGrants(quiet, Grants()).empty());
}

TEST_CASE("what operators post to trust a key is read strictly") {
  const Json good = *parseJson(
      R"({"public_key":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},"title":"Acme Inc",)"
      R"("prefixes":["acme."],"channels":["dev","prod"],"expires_at":"2027-06-30T00:00:00Z",)"
      R"("grants":{"egress":["https://*.acme.dev"],"secrets":["acme/*"],"services":["*"],"events":["pager.*"],"kv_bytes":4096,"inproc":true}})");
  const auto key = parseTrustedKey(good);
  REQUIRE_MESSAGE(key.has_value(), key.error().detail);
  CHECK(key->kid() == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  CHECK(key->grants.inproc);
  CHECK(key->serves(Channel::dev));
  CHECK(std::string(key->state(kNow)) == "active");
  CHECK(std::string(key->state(*key->expires_at)) == "expired");
  TrustedKey again;
  REQUIRE(readTerms(key->terms(), again).has_value());
  CHECK(again.terms() == key->terms());

  const std::pair<const char*, Json> bad[] = {
      {"prefixes", Json::array({"ccp."})},       {"prefixes", Json::array({"ccp.billing."})},  {"prefixes", Json::array({"acme"})},
      {"prefixes", Json::array({""})},           {"prefixes", Json::array({"."})},             {"prefixes", Json::array({"*"})},
      {"prefixes", Json::array()},               {"prefixes", "acme."},                        {"prefixes", Json::array({"Acme."})},
      {"channels", Json::array({"staging"})},    {"channels", Json::array()},                  {"expires_at", "tomorrow"},
      {"expires_at", 7},                         {"title", "a\nb"},                            {"title", std::string(101, 'x')},
      {"more", true},                            {"public_key", Json::object()},               {"grants", Json::object({{"root", true}})},
      {"grants", Json::object({{"inproc", 1}})}, {"grants", Json::object({{"kv_bytes", -1}})}, {"grants", Json::object({{"egress", Json::array({"http://acme.dev"})}})},
      {"grants", Json::object({{"egress", Json::array({"https://*.acme.dev/path"})}})},        {"grants", Json::object({{"egress", Json::array({"https://*acme.dev"})}})},
      {"grants", Json::object({{"egress", Json::array({"https://api.*.dev"})}})},              {"grants", Json::object({{"secrets", Json::array({"ac*"})}})},
      {"grants", Json::object({{"services", Json::array({"http"})}})},                         {"grants", Json::object({{"events", Json::array({"*.sent"})}})},
  };
  for (const auto& entry : bad) {
    Json json = good;
    json.set(entry.first, entry.second);
    const auto refused = parseTrustedKey(json);
    CAPTURE(json.dump());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::validation_failed);
    CHECK(refused.error().fields.size() == 1);
  }
}

TEST_CASE("where a plugin runs: first-party inside, others in a process of their own, inside by consent of both sides") {
  Manifest m;
  m.id = "acme.marker";
  m.version = "1.2.0";
  struct Case {
    bool allows_inproc, allows_process;
    const char* trust;
    bool granted;
    const char* configured;
    const char* result;  ///< or what the refusal says
  };
  const Case cases[] = {
      {true, true, "vendor", true, "", "inproc"},
      {true, true, "vendor", true, "process", "process"},
      {false, true, "vendor", true, "", "process"},
      {true, false, "vendor", true, "process", "allows isolation \"inproc\" only"},
      {true, true, "key:abc", false, "", "process"},
      {true, true, "key:abc", true, "", "process"},
      {true, true, "key:abc", true, "inproc", "inproc"},
      {true, true, "key:abc", false, "inproc", "`ccp plugin trust add key:abc --inproc`"},
      {false, true, "key:abc", true, "inproc", "allows isolation \"process\" only"},
      {true, false, "key:abc", true, "", "run in a process of their own unless told otherwise"},
      {true, true, "unsigned", false, "", "process"},
      {true, true, "unsigned", false, "inproc", "inproc"},
  };
  for (const auto& c : cases) {
    m.allows_inproc = c.allows_inproc;
    m.allows_process = c.allows_process;
    const auto decided = decideIsolation(m, c.trust, c.granted, c.configured);
    const std::string said = !decided ? decided.error().detail : *decided == Isolation::inproc ? "inproc" : "process";
    CHECK_MESSAGE(said.find(c.result) != std::string::npos, c.trust << " " << c.configured << ": " << said);
    CHECK(decided.has_value() == (std::string(c.result) == "inproc" || std::string(c.result) == "process"));
  }
}
