// Packages on disk: what is refused before any code runs, and that what is loaded is what was verified.
#include "core/package/package.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "core/package/loader.hpp"
#include "tests/support/package_workshop.hpp"

using namespace ccp;
using namespace ccp::plugin;
namespace fs = std::filesystem;

namespace {

const Timestamp kNow = *parseRfc3339("2026-11-21T00:00:00Z");

/// A first-party package under a vendor key of the test.
struct Workshop : test::PackageWorkshop {
  Workshop() : PackageWorkshop("test_throwing", "test_throwing"), vendor(newKey()), trust(vendor.publicKey()) { sign({&vendor}); }
  void sign(const crypto::SigningKey& key) { sign({&key}); }
  using PackageWorkshop::sign;
  Result<Package> read(const std::string& id = "ccp.test-throwing") { return readPackage(root(), id, trust, Channel::prod, kNow); }
  crypto::SigningKey vendor;
  TrustStore trust;
};

}  // namespace

TEST_CASE("a package that is signed and whole is read, and its bytes are the ones that load") {
  Workshop w;
  const auto package = w.read();
  REQUIRE_MESSAGE(package.has_value(), package.error().detail);
  CHECK(package->manifest.id == "ccp.test-throwing");
  // The file on disk changes after the check: what runs is what was checked.
  REQUIRE(writeFileAtomic(w.library(), "not an ELF file any more").has_value());
  const auto plugin = loadLibrary(*package, w.root());
  REQUIRE_MESSAGE(plugin.has_value(), plugin.error().detail);
  CHECK(std::string((*plugin)->id) == "ccp.test-throwing");
  // The same bytes again are the same library.
  CHECK(loadLibrary(*package, w.root()).value() == *plugin);
}

TEST_CASE("packages that are not what their vendor signed are refused with the remedy") {
  struct Case {
    const char* name;
    std::function<void(Workshop&)> damage;
    const char* says;
  };
  const Case cases[] = {
      {"no signature", [](Workshop& w) { fs::remove(w.folder + "/plugin.json.dsse"); }, "is not signed"},
      {"a key that nobody trusts",
       [](Workshop& w) {
         SystemRandom random;
         w.sign(crypto::SigningKey::generate(random));
       },
       "the vendor key"},
      {"an envelope of another kind",
       [](Workshop& w) {
         const std::string manifest = *readFile(w.folder + "/plugin.json");
         REQUIRE(writeFileAtomic(w.folder + "/plugin.json.dsse", crypto::signDsse(crypto::kPayloadKeyRing, manifest, {&w.vendor})).has_value());
       },
       "no valid envelope"},
      {"a signature of another manifest",
       [](Workshop& w) {
         w.edit([](Json& m) { m.set("max_concurrency", 64); });
       },
       "not the manifest that was signed"},
      {"rubbish instead of an envelope", [](Workshop& w) { REQUIRE(writeFileAtomic(w.folder + "/plugin.json.dsse", "{}").has_value()); }, "no valid envelope"},
      {"a library of other bytes",
       [](Workshop& w) {
         std::string bytes = *readFile(w.library());
         bytes.back() = static_cast<char>(bytes.back() ^ 1);
         REQUIRE(writeFileAtomic(w.library(), bytes).has_value());
       },
       "changed after signing"},
      {"no library", [](Workshop& w) { fs::remove(w.library()); }, "cannot be opened"},
      {"a foreign prefix",
       [](Workshop& w) {
         w.edit([](Json& m) { m.set("id", "acme.test-throwing"); });
         w.sign(w.vendor);
       },
       "signs ids that begin with \"ccp.\" only"},
      {"another plugin in the folder",
       [](Workshop& w) {
         w.edit([](Json& m) { m.set("id", "ccp.other"); });
         w.sign(w.vendor);
       },
       "holds the plugin ccp.other"},
      {"an expired manifest",
       [](Workshop& w) {
         w.edit([](Json& m) { m.set("expires", "2026-01-01T00:00:00Z"); });
         w.sign(w.vendor);
       },
       "expired at"},
      {"a folder that others may write to", [](Workshop& w) { ::chmod(w.folder.c_str(), 0777); }, "chmod go-w"},
      {"a folder that the group may write to", [](Workshop& w) { ::chmod(w.folder.c_str(), 0775); }, "chmod go-w"},
      {"a library that others may write to", [](Workshop& w) { ::chmod(w.library().c_str(), 0646); }, "chmod go-w"},
      {"a manifest that others may write to", [](Workshop& w) { ::chmod((w.folder + "/plugin.json").c_str(), 0666); }, "chmod go-w"},
      {"a library behind a symbolic link",
       [](Workshop& w) {
         fs::rename(w.library(), w.folder + "/elsewhere.so");
         fs::create_symlink(w.folder + "/elsewhere.so", w.library());
       },
       "symbolic link"},
      {"a folder instead of a library",
       [](Workshop& w) {
         fs::remove(w.library());
         fs::create_directory(w.library());
       },
       "no regular file"},
      {"no folder", [](Workshop& w) { fs::remove_all(w.folder); }, "cannot be opened"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    Workshop w;
    c.damage(w);
    const auto package = w.read();
    REQUIRE_FALSE(package.has_value());
    CHECK(package.error().code == Errc::plugin_refused);
    CHECK_MESSAGE(package.error().detail.find(c.says) != std::string::npos, package.error().detail);
  }
}

TEST_CASE("a file that belongs to somebody else is refused") {
  if (::geteuid() != 0) return;  // only root can give files away
  Workshop w;
  REQUIRE(::chown(w.library().c_str(), 12345, 12345) == 0);
  const auto package = w.read();
  REQUIRE_FALSE(package.has_value());
  CHECK_MESSAGE(package.error().detail.find("belongs to user 12345") != std::string::npos, package.error().detail);
}

TEST_CASE("where memory may not be executed, the library runs from a private file that is named by its hash") {
  Workshop w;
  const auto package = w.read();
  REQUIRE(package.has_value());
  const auto file = SealedLibrary::inState(w.root(), package->manifest.library, package->library);
  REQUIRE_MESSAGE(file.has_value(), file.error().detail);
  const std::string path = (*file)->path();
  CHECK(path.find(sha256Hex(package->library)) != std::string::npos);
  struct stat st {};
  REQUIRE(::stat(fs::path(path).parent_path().c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0700);
  // Somebody else's folder is not used.
  REQUIRE(::chmod(fs::path(path).parent_path().c_str(), 0777) == 0);
  CHECK_FALSE(SealedLibrary::inState(w.root(), package->manifest.library, package->library).has_value());
}

TEST_CASE("a sealed memfd cannot be changed by anybody") {
  const auto sealed = SealedLibrary::inMemory("x.so", "bytes");
  REQUIRE(sealed.has_value());
  const std::string path = (*sealed)->path();
  CHECK((*sealed)->sha256() == sha256Hex("bytes"));
  CHECK(*readFile(path) == "bytes");
  CHECK(::write((*sealed)->fd(), "y", 1) == -1);
  CHECK(::ftruncate((*sealed)->fd(), 0) == -1);
  std::FILE* file = std::fopen(path.c_str(), "r+");
  if (file) {  // opening may work, writing may not
    CHECK(std::fwrite("y", 1, 1, file) + static_cast<unsigned>(std::fflush(file) != 0) != 1);
    std::fclose(file);
  }
  CHECK(*readFile(path) == "bytes");
}

TEST_CASE("a library without the entry symbol is refused, whoever signed it") {
  Package package;
  package.folder = "somewhere";
  package.manifest.id = "ccp.no-entry";
  package.manifest.version = "1.0.0";
  package.manifest.library = "test_no_entry.so";
  package.library = *readFile(test::kBuiltFixtures + "/test_no_entry.so", 64u << 20);
  const test::TempDir dir;
  const auto plugin = loadLibrary(package, dir.path());
  REQUIRE_FALSE(plugin.has_value());
  CHECK_MESSAGE(plugin.error().detail.find("ccp_plugin_entry_v1") != std::string::npos, plugin.error().detail);
  package.library = "\x7f" "ELF and nothing else";
  const auto broken = loadLibrary(package, dir.path());
  REQUIRE_FALSE(broken.has_value());
  CHECK(broken.error().code == Errc::plugin_refused);
}

TEST_CASE("the vendor key of this build is the one that signed the fixtures") {
  const auto trust = TrustStore::ofThisBuild();
  REQUIRE(trust.has_value());
  CHECK(readPackage(test::kBuiltFixtures, "ccp.test-throwing", *trust, Channel::prod, kNow).has_value());
  CHECK(readPackage(test::kBuiltFixtures, "ccp.test-hello", *trust, Channel::prod, kNow).has_value());
}
