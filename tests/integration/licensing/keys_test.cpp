// Signing keys: first start, rotation, compromise, several nodes, and the files they need.
#include <sys/stat.h>

#include <filesystem>

#include "core/base/file.hpp"
#include "core/crypto/pack_verifier.hpp"
#include "tests/integration/licensing/world.hpp"

using namespace ccp;
using namespace ccp::test;
using namespace ccp::licensing;
using crypto::KeyUse;

namespace {

crypto::KeyRing ringOf(World& w, Node& node) {
  const auto& root = node.feature->keys().rootKey();
  auto ring = crypto::parseKeyRing(node.feature->keys().published()->text, {{root.thumbprint(), root}}, {.iss = w.settings.server.public_url, .now = w.env.clock.now()});
  REQUIRE(ring);
  return *ring;
}
std::string kidOf(Node& node, KeyUse use) {
  const auto key = node.feature->keys().signer(use);
  REQUIRE(key);
  return (*key)->publicKey().thumbprint();
}
std::string stateOf(Node& node, const std::string& kid) {
  for (const auto& key : node.feature->keyAdmin().keys()) {
    if (key.kid == kid) return key.state;
  }
  return "gone";
}

}  // namespace

LICENSING_TEST("the first start makes a key for each use, and files that only the owner may read") {
  World w(env);
  CHECK(w.node.feature->keyAdmin().keys().size() == 3);
  CHECK(kidOf(w.node, KeyUse::pack) != kidOf(w.node, KeyUse::access));
  for (const auto* name : {"/master.key", "/root.key"}) {
    struct stat info {};
    REQUIRE(::stat((w.dir.path() + name).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
  // No private part lies open: neither in the file nor in a row.
  CHECK(readFile(w.dir.path() + "/root.key")->rfind("v1.", 0) == 0);
  CHECK(w.count("select count(*) from signing_keys where sealed not like 'v1.%' and key_use <> 'root'") == 0);
}

LICENSING_TEST("a restart and a second node have the same keys") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  CHECK(kidOf(second, KeyUse::pack) == kidOf(w.node, KeyUse::pack));
  CHECK(second.feature->keys().rootKey() == w.node.feature->keys().rootKey());
  CHECK(w.call(second, w.token()));
}

LICENSING_TEST("a rotated key is published an hour before it signs, and old packs go on verifying") {
  World w(env);
  const auto pack = w.node.feature->packs().issue(w.principal(), Packs::Occasion::issue);
  REQUIRE(pack);
  const crypto::PackExpectation expected{.iss = w.settings.server.public_url, .aud = "acme-cli", .jkt = w.grant.device.jkt, .now = env.clock.now()};
  const auto old = kidOf(w.node, KeyUse::pack);
  const auto version = ringOf(w, w.node).version;

  const auto made = w.node.feature->keyAdmin().rotate("pack", "operator");
  REQUIRE(made);
  CHECK(made->state == "pending");
  CHECK((made->not_before_at == env.clock.now() + hours(1)));
  CHECK(ringOf(w, w.node).version == version + 1);
  CHECK(ringOf(w, w.node).verificationKey(KeyUse::pack, made->kid));
  CHECK(kidOf(w.node, KeyUse::pack) == old);
  CHECK(w.node.feature->keyAdmin().rotate("pack", "operator")->kid == made->kid);
  CHECK(codeOf(w.node.feature->keyAdmin().rotate("root", "operator")) == "validation_failed");

  env.clock.advance(hours(1));
  CHECK(kidOf(w.node, KeyUse::pack) == made->kid);
  w.node.feature->worker().runOnce();
  CHECK(stateOf(w.node, made->kid) == "active");
  CHECK(stateOf(w.node, old) == "retiring");
  CHECK(crypto::verifyPack(pack->pack, ringOf(w, w.node), expected));
  const auto renewed = w.node.feature->packs().issue(w.principal(), Packs::Occasion::refresh);
  CHECK(crypto::parseJws(renewed->pack)->header.strOr("kid") == made->kid);

  // Nothing signed with the old key can live any more: it leaves the ring and loses its private part.
  env.clock.advance(hours(24 * 11));
  w.node.feature->worker().runOnce();
  CHECK(stateOf(w.node, old) == "gone");
  CHECK(w.count("select count(*) from signing_keys where state = 'retired' and sealed = ''") == 1);
}

LICENSING_TEST("keys rotate by themselves after 90 days") {
  World w(env);
  const auto old = kidOf(w.node, KeyUse::access);
  env.clock.advance(hours(24 * 90));
  w.node.feature->worker().runOnce();
  CHECK(w.node.feature->keyAdmin().keys().size() == 5);  // not that of policy channels, which roots list
  CHECK(kidOf(w.node, KeyUse::access) == old);
  env.clock.advance(hours(1) + minutes(1));
  w.node.feature->worker().runOnce();
  CHECK(kidOf(w.node, KeyUse::access) != old);
  CHECK(w.call(w.node, w.token()));
}

LICENSING_TEST("a compromised access key is refused at once, here and on the next reading elsewhere") {
  World w(env);
  auto other_db = env.openAnother();
  Node second(*other_db, env, w.settings);
  const auto token = w.token();
  REQUIRE(w.call(second, token));
  const auto kid = kidOf(w.node, KeyUse::access);
  REQUIRE(w.node.feature->keyAdmin().compromise(kid, "leaked", "operator"));
  CHECK(codeOf(w.call(w.node, token)) == "key_unknown");
  CHECK(kidOf(w.node, KeyUse::access) != kid);
  CHECK(w.call(w.node, w.token()));
  const auto ring = ringOf(w, w.node);
  CHECK(ring.compromised == std::vector<std::string>{kid});
  CHECK_FALSE(ring.verificationKey(KeyUse::access, kid));
  CHECK(w.count("select count(*) from audit_log where action = 'key.compromise' and reason = 'leaked'") == 1);

  // The other node learns the new key from the first token that bears it, and with it that the old
  // one is void.
  env.clock.advance(seconds(2));
  CHECK(w.call(second, w.token()));
  CHECK(codeOf(w.call(second, token)) == "key_unknown");
  CHECK(codeOf(w.node.feature->keyAdmin().compromise("nobody", "x", "operator")) == "not_found");
  CHECK(codeOf(w.node.feature->keyAdmin().compromise(w.node.feature->keys().rootKey().thumbprint(), "x", "operator")) == "not_found");
}

LICENSING_TEST("a compromised pack key voids its packs and makes every client fetch a new one") {
  World w(env);
  const auto pack = w.node.feature->packs().issue(w.principal(), Packs::Occasion::issue)->pack;
  const crypto::PackExpectation expected{.iss = w.settings.server.public_url, .aud = "acme-cli", .jkt = w.grant.device.jkt, .now = env.clock.now()};
  const auto kid = kidOf(w.node, KeyUse::pack);
  const auto pending = w.node.feature->keyAdmin().rotate("pack", "operator");
  const auto version = w.license().version;
  REQUIRE(w.node.feature->keyAdmin().compromise(kid, "leaked", "operator"));
  CHECK(codeOf(crypto::verifyPack(pack, ringOf(w, w.node), expected)) == "key_unknown");
  CHECK(w.license().version == version + 1);
  // The pending key takes over at once.
  CHECK(kidOf(w.node, KeyUse::pack) == pending->kid);
  CHECK(w.count("select count(*) from signing_keys where state = 'compromised' and sealed = ''") == 1);
  const auto renewed = w.node.feature->packs().issue(w.principal(), Packs::Occasion::refresh);
  REQUIRE(renewed);
  CHECK(crypto::verifyPack(renewed->pack, ringOf(w, w.node), expected));
  REQUIRE(w.node.feature->keyAdmin().compromise(kid, "again", "operator"));
  CHECK(w.license().version == version + 1);
}

LICENSING_TEST("the ring lives as long as the newest pack may be used offline, and is signed again in time") {
  World w(env);
  const auto first = ringOf(w, w.node);
  CHECK((first.expires_at - first.issued_at == hours(24 * 11)));
  env.clock.advance(minutes(59));
  CHECK((ringOf(w, w.node).issued_at == first.issued_at));
  env.clock.advance(minutes(1));
  CHECK((ringOf(w, w.node).issued_at == env.clock.now()));
  CHECK(ringOf(w, w.node).version == first.version);
}

LICENSING_TEST("another root key or master key than the database's is refused with what to do") {
  World w(env);
  const auto open = [&](const config::Settings& settings) { return Feature::open(db, env.clock, env.random, env.metrics, settings); };
  TempDir empty;
  auto settings = w.settings;
  settings.state_dir = empty.path();
  auto opened = open(settings);
  CHECK(codeOf(opened) == "secret_missing");
  CHECK(opened.error().detail.find("root.key") != std::string::npos);

  // A root key of its own, as a node of another installation has it.
  SystemRandom random;
  const auto master = crypto::MasterKey::load(empty.path() + "/master.key", true, random);
  const auto foreign = crypto::SigningKey::generate(random);
  REQUIRE(writeFileAtomic(empty.path() + "/root.key", master->seal(foreign.seed().view(), "root.key", random), 0600));
  opened = open(settings);
  CHECK(codeOf(opened) == "config_invalid");
  CHECK(opened.error().detail.find(foreign.publicKey().thumbprint()) != std::string::npos);

  // The right root key under another master key.
  std::filesystem::copy_file(w.dir.path() + "/root.key", empty.path() + "/root.key", std::filesystem::copy_options::overwrite_existing);
  CHECK(codeOf(open(settings)) == "data_loss");
  REQUIRE(::chmod((w.dir.path() + "/master.key").c_str(), 0644) == 0);
  CHECK(codeOf(open(w.settings)) == "config_invalid");
}
