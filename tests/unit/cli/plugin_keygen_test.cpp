// `ccp plugin keygen`: the files that it leaves, and that no key is ever overwritten.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "core/base/file.hpp"
#include "core/package/trust/key_file.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

unsigned modeOf(const std::string& path) {
  struct stat st {};
  REQUIRE(::stat(path.c_str(), &st) == 0);
  return st.st_mode & 07777U;
}

}  // namespace

TEST_CASE("keygen leaves a private key for its owner and a public one for everybody") {
  Person person;
  TempDir dir;
  const auto run = person.ccp({"plugin", "keygen", dir / "acme.key", "--title", "Acme Inc"});
  REQUIRE(run.code == 0);
  CHECK(modeOf(dir / "acme.key") == 0600U);
  CHECK(modeOf(dir / "acme.key.pub") == 0644U);
  const auto secret = plugin::readSigningKey(dir / "acme.key");
  const auto shown = plugin::readPublicKey(dir / "acme.key.pub");
  REQUIRE(secret);
  REQUIRE(shown);
  CHECK(secret->publicKey() == shown->key);
  CHECK(shown->title == "Acme Inc");
  CHECK(run.out == *readFile(dir / "acme.key.pub"));
  CHECK(run.out.find("\"d\"") == std::string::npos);
  CHECK(run.err.find("ccp plugin trust add " + (dir / "acme.key.pub")) != std::string::npos);
}

TEST_CASE("keygen never overwrites a key") {
  Person person;
  TempDir dir;
  REQUIRE(person.ccp({"plugin", "keygen", dir / "acme.key"}).code == 0);
  const auto before = readFile(dir / "acme.key");
  CHECK(person.ccp({"plugin", "keygen", dir / "acme.key"}).code != 0);
  std::filesystem::remove(dir / "acme.key.pub");
  CHECK(person.ccp({"plugin", "keygen", dir / "acme.key"}).code != 0);
  CHECK(*readFile(dir / "acme.key") == *before);
}

TEST_CASE("a key that others may read signs nothing") {
  Person person;
  TempDir dir;
  REQUIRE(person.ccp({"plugin", "keygen", dir / "acme.key"}).code == 0);
  REQUIRE(::chmod((dir / "acme.key").c_str(), 0640) == 0);
  const auto key = plugin::readSigningKey(dir / "acme.key");
  REQUIRE_FALSE(key);
  CHECK(key.error().detail.find("chmod 600") != std::string::npos);
}

TEST_CASE("a public key file is read strictly") {
  const auto good = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
  REQUIRE(plugin::parsePublicKey(std::string(good) + "}"));
  CHECK_FALSE(plugin::parsePublicKey(std::string(good) + R"(,"d":"AAAA"})"));
  CHECK_FALSE(plugin::parsePublicKey(std::string(good) + R"(,"kid":"another"})"));
  CHECK_FALSE(plugin::parsePublicKey(std::string(good) + R"(,"inproc":true})"));
  CHECK_FALSE(plugin::parsePublicKey(std::string(good) + R"(,"title":7})"));
  CHECK_FALSE(plugin::parsePublicKey("[]"));
}

}  // namespace ccp::cli
