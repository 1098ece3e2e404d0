#include "core/crypto/seal.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/file.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::crypto;

namespace {

struct TempDir {
  TempDir() {
    path = (std::filesystem::temp_directory_path() / "ccp-seal-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) path.clear();
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("a master key is made once, with mode 0600, and read again") {
  TempDir dir;
  test::SeededRandom random(1);
  const std::string path = dir.path + "/master.key";
  CHECK(MasterKey::load(path, false, random).error().code == Errc::secret_missing);
  const auto key = MasterKey::load(path, true, random);
  REQUIRE(key);
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const auto sealed = key->seal(bytesOf("secret"), "place", random);
  const auto again = MasterKey::load(path, true, random);
  REQUIRE(again);
  CHECK(again->open(sealed, "place")->text() == "secret");
}

TEST_CASE("a master key file that others may read, or that holds something else, is refused") {
  TempDir dir;
  test::SeededRandom random(1);
  const std::string path = dir.path + "/master.key";
  REQUIRE(MasterKey::load(path, true, random));
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U}) {
    CAPTURE(mode);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(MasterKey::load(path, true, random).error().code == Errc::config_invalid);
  }
  const std::string key32 = base64UrlEncode(Bytes(32, 7));
  for (const std::string& content : {std::string(), std::string("short"), key32 + "=", key32 + key32, " " + key32, base64UrlEncode(Bytes(31))}) {
    CAPTURE(content);
    REQUIRE(writeFileAtomic(path, content, 0600));
    CHECK(MasterKey::load(path, false, random).error().code == Errc::config_invalid);
  }
  REQUIRE(writeFileAtomic(path, key32 + "\r\n", 0400));
  CHECK(MasterKey::load(path, false, random));
  CHECK(MasterKey::load(dir.path, false, random).error().code == Errc::config_invalid);
}

TEST_CASE("sealed text opens only whole, in its place and with its key") {
  TempDir dir;
  test::SeededRandom random(1);
  const auto key = *MasterKey::load(dir.path + "/a", true, random);
  const auto other = *MasterKey::load(dir.path + "/b", true, random);
  const auto sealed = key.seal(bytesOf("seed"), "signing_keys/k1", random);
  CHECK(sealed != key.seal(bytesOf("seed"), "signing_keys/k1", random));
  CHECK(key.open(sealed, "signing_keys/k1")->text() == "seed");
  CHECK(key.open(sealed, "signing_keys/k2").error().code == Errc::data_loss);
  CHECK(other.open(sealed, "signing_keys/k1").error().code == Errc::data_loss);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_FALSE(key.open(changed, "signing_keys/k1"));
  }
  CHECK_FALSE(key.open("", "signing_keys/k1"));
  CHECK_FALSE(key.open("v1.", "signing_keys/k1"));
  CHECK(key.open(key.seal({}, "empty", random), "empty")->empty());
}
