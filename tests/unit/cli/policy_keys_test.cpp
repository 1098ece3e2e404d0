// `ccp policy keygen, root, sign, verify`: a ceremony from the first key to a pack that prod would take, and
// what is refused on the way.
#include <doctest/doctest.h>

#include "core/base/file.hpp"
#include "policy/pack/signing.hpp"
#include "policy/pack/verify.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

struct Ceremony {
  Person person;
  TempDir dir;
  std::string server_keys;

  Ceremony() {
    const auto key = crypto::SigningKey::fromSeed(Bytes(32, 0x51));
    server_keys = dir.write("server-keys.json", Json::object({{"keys", Json::array({Json::object({{"kid", key->publicKey().thumbprint()},
                                                                                                  {"jwk", key->publicKey().jwk()},
                                                                                                  {"state", "active"}})})}}).dump());
    for (const char* name : {"ada", "bob", "cyd"}) must({"keygen", dir / (std::string(name) + ".key"), "--person", std::string(name) + "@example.com"});
    dir.write("base/pack.json", R"({"format":1,"name":"base","version":7,"channels":["dev","prod"],)"
                                R"("engine":{"min":1,"max":1},"entry":{"feature.gate":"gate.lua"}})");
    dir.write("base/gate.lua", "function decide(input)\n  return { allow = true }\nend\n");
    dir.write("base/tests/all.json", R"({"point":"feature.gate","input":{},"expect":{"allow":true}})");
  }
  Ran run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "policy");
    return person.ccp(arguments);
  }
  Ran must(const std::vector<std::string>& arguments) {
    auto ran = run(arguments);
    CAPTURE(ran.out);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return ran;
  }
  std::string key(const std::string& name) { return dir / (name + ".key"); }
  Ran init() {
    return must({"root", "init", "--key", key("ada") + ".pub", "--key", key("bob") + ".pub", "--server-key", server_keys, "--sign-with",
                 key("ada"), "--sign-with", key("bob"), "--out", dir / "root-1.json"});
  }
};

}  // namespace

TEST_CASE("two people make a root and sign a pack that prod would take") {
  Ceremony c;
  const auto made = c.init();
  const auto root_text = *readFile(c.dir / "root-1.json");
  CHECK(made.out.find("policy.root_sha256: " + sha256Hex(root_text)) != std::string::npos);
  const auto root = policy::verifyPinnedRoot(root_text, sha256Hex(root_text), "operator");
  REQUIRE(root);
  CHECK(root->roles.at("pack.prod").threshold == 2);
  CHECK(root->roles.at("pack.dev").threshold == 1);
  CHECK(root->roles.at("root").threshold == 2);

  const auto pack = c.dir / "base-7.policy";
  c.must({"sign", c.dir / "base", "--key", c.key("ada"), "--org", "operator", "--out", pack});
  const auto one = c.run({"verify", pack, "--root", c.dir / "root-1.json", "--json"});
  CHECK(one.code == 3);
  CHECK(one.json()["pack.prod"].intOr("missing") == 1);
  CHECK(one.json()["pack.prod"]["could_sign"].items()[0] == Json("bob@example.com"));
  CHECK(c.run({"verify", pack, "--root", c.dir / "root-1.json", "--channel", "dev"}).code == 0);
  c.must({"sign", pack, "--add", "--key", c.key("bob")});
  const auto both = c.run({"verify", pack, "--root", c.dir / "root-1.json", "--pin", sha256Hex(root_text), "--json"});
  CHECK(both.code == 0);
  CHECK(policy::verifyPackFor(*root, policy::Channel::prod, *readFile(pack), c.person.clock.now()).has_value());
  // Signed again by the same person nothing changes.
  const auto before = *readFile(pack);
  c.must({"sign", pack, "--add", "--key", c.key("bob")});
  CHECK(*readFile(pack) == before);
  // By a stranger it stays good, and he is shown as one.
  c.must({"sign", pack, "--add", "--key", c.key("cyd")});
  CHECK(c.run({"verify", pack, "--root", c.dir / "root-1.json", "--json"}).json()["pack.prod"]["unknown_keys"].size() == 1);
  c.person.clock.advance(hours(24 * 400));
  CHECK(c.run({"verify", pack, "--root", c.dir / "root-1.json"}).code == 5);
}

TEST_CASE("a root is followed by one that the old and the new people sign") {
  Ceremony c;
  c.init();
  const auto next = c.dir / "root-2.json";
  const auto first = c.dir / "root-1.json";
  const auto made = c.run({"root", "rotate", first, "--remove", "bob@example.com", "--key", c.key("cyd") + ".pub", "--sign-with", c.key("ada"),
                           "--out", next, "--json"});
  CHECK(made.code == 3);
  CHECK(made.json()["signatures"]["version 1"].intOr("missing") == 1);
  CHECK(made.json()["signatures"]["version 2"].intOr("missing") == 1);
  CHECK(c.run({"root", "sign", next, "--previous", first, "--key", c.key("bob")}).code == 3);
  CHECK(c.run({"verify", next, "--root", first}).code == 3);
  CHECK(c.run({"root", "sign", next, "--previous", first, "--key", c.key("cyd")}).code == 0);
  CHECK(c.run({"verify", next, "--root", first}).code == 0);
  const auto root = policy::verifyPinnedRoot(*readFile(first), sha256Hex(*readFile(first)), "operator");
  REQUIRE(root);
  const auto verified = policy::verifyNextRoot(*root, *readFile(next));
  REQUIRE(verified);
  CHECK(verified->version == 2);
  CHECK(verified->keys.size() == 3);  // ada, cyd, the server
  CHECK(c.run({"root", "show", next, "--previous", first}).code == 0);
  CHECK(c.run({"root", "show", first, "--previous", next}).code != 0);
}

TEST_CASE("what cannot be right is refused with a next step") {
  Ceremony c;
  const auto refused = [&](const std::vector<std::string>& arguments, const char* words) {
    const auto ran = c.run(arguments);
    CAPTURE(ran.err);
    CHECK(ran.code != 0);
    CHECK(ran.err.find(words) != std::string::npos);
  };
  const auto root = c.dir / "root-1.json";
  refused({"root", "init", "--server-key", c.server_keys, "--sign-with", c.key("ada")}, "keygen");
  refused({"root", "init", "--key", c.key("ada") + ".pub", "--server-key", c.server_keys}, "--sign-with");
  refused({"root", "init", "--key", c.key("ada") + ".pub", "--server-key", c.server_keys, "--threshold", "pack.prod=2", "--sign-with", c.key("ada")},
          "asks for 2 people");
  refused({"root", "init", "--key", c.key("ada") + ".pub", "--sign-with", c.key("ada")}, "ccp login");  // nobody to ask for the server's key
  c.init();
  refused({"root", "sign", root, "--key", c.key("cyd")}, "does not keep this root");
  refused({"root", "rotate", root, "--remove", "zoe", "--sign-with", c.key("ada")}, "root show");
  refused({"sign", c.dir / "base", "--key", c.key("ada")}, "--org");
  refused({"sign", c.dir / "base", "--key", c.key("ada"), "--add"}, "folder");
  refused({"sign", root, "--key", c.key("ada"), "--add"}, "root sign");
  refused({"keygen", c.key("ada"), "--person", "ada"}, "exists already");
  refused({"keygen", c.key("eve"), "--person", "server"}, "server");
  c.must({"sign", c.dir / "base", "--key", c.key("ada"), "--org", "operator", "--out", c.dir / "p"});
  refused({"sign", c.dir / "base", "--key", c.key("ada"), "--org", "operator", "--out", c.dir / "p"}, "Raise `version`");
  REQUIRE(::rename(c.key("bob").c_str(), (c.dir / "base/bob.key").c_str()) == 0);
  refused({"sign", c.dir / "base", "--key", c.dir / "base/bob.key", "--org", "operator"}, "given away");
  c.dir.write("base/evil.lua", "\x1bLua");
  refused({"sign", c.dir / "base", "--key", c.key("ada"), "--org", "operator"}, "evil.lua");
  const auto ran = c.run({"verify", c.dir / "p", "--root", root, "--pin", std::string(64, '0'), "--json"});
  CHECK(ran.code == 1);
  CHECK(ran.json()["steps"].items()[0].strOr("code") == "policy_pin_mismatch");
}

TEST_CASE("one person's root has prod threshold 1, and says so") {
  Ceremony c;
  const auto ran = c.must({"root", "init", "--org", "org_01h", "--key", c.key("ada") + ".pub", "--server-key", c.server_keys, "--sign-with",
                           c.key("ada"), "--out", c.dir / "solo.json"});
  CHECK(ran.err.find("One person alone can change prod.") != std::string::npos);
}

}  // namespace ccp::cli
