// From a folder to code that may run, on both databases: what is refused before any of the plugin's code
// runs, what is remembered, and that what runs is what was verified.
#include "core/plugin/pipeline.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "core/package/loader.hpp"
#include "core/plugin/trust_admin.hpp"
#include "tests/support/package_workshop.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

/// The fixture's constructor writes this file: code of the plugin has run.
class Marker {
 public:
  explicit Marker(const std::string& folder) : path_(folder + "/ran") { ::setenv("CCP_TEST_MARKER", path_.c_str(), 1); }
  ~Marker() { ::unsetenv("CCP_TEST_MARKER"); }
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;
  bool ran() const { return fileExists(path_); }

 private:
  std::string path_;
};

struct World : test::PackageWorkshop {
  explicit World(test::TempDb& env, bool dev = false)
      : PackageWorkshop("test_marker", "acme_marker"),
        author(newKey()),
        marker(state.path()),
        admin(env.db()),
        pipeline(env.db(), env.clock, {root(), state.path(), dev, std::nullopt}) {
    key.key = author.publicKey();
    key.title = "Acme Inc";
    key.prefixes = {"acme."};
    key.channels = {Channel::prod};
    key.grants = Grants::everything();
    sign({&author});
  }
  /// The library as a file of its own: a process loads the same bytes only once, and tests count.
  void makeUnique() {
    std::string bytes = *readFile(library(), 64u << 20);
    bytes += "one more build " + newKey().publicKey().thumbprint();
    REQUIRE(writeFileAtomic(library(), bytes).has_value());
    edit([&](Json& m) {
      Json files = m["files"];
      files.set("test_marker.so", "sha256:" + sha256Hex(bytes));
      m.set("files", files);
    });
    sign({&author});
  }
  void setVersion(const char* version) {
    edit([&](Json& m) { m.set("version", version); });
    sign({&author});
  }
  Result<Prepared> prepare(const char* isolation = "inproc") { return pipeline.prepare({"pager", "acme.marker", isolation, Json(), {}}); }
  void trust() { REQUIRE(admin.trust(key, "operator").has_value()); }

  test::TempDir state;
  crypto::SigningKey author;
  TrustedKey key;
  Marker marker;
  TrustAdmin admin;
  Pipeline pipeline;
};

#define PIPELINE_TEST(name) CCP_DB_TEST(name, &ccp::plugin::kMigrations)

void checkRefused(World& w, const Result<Prepared>& prepared, const char* says) {
  REQUIRE_FALSE(prepared.has_value());
  CHECK(prepared.error().code == Errc::plugin_refused);
  CHECK_MESSAGE(prepared.error().detail.find(says) != std::string::npos, prepared.error().detail);
  CHECK_FALSE(w.marker.ran());
}

Status start(test::TempDb& env, const World& w, const Prepared& prepared) {
  return env.db().write(db::Scope::system(), [&](db::Tx& tx) { return w.pipeline.started(tx, prepared); });
}

}  // namespace

PIPELINE_TEST("a plugin of a trusted key is prepared, and its code runs only now") {
  World w(env);
  w.makeUnique();
  checkRefused(w, w.prepare(), "this server does not trust");
  w.trust();
  const auto prepared = w.prepare();
  REQUIRE_MESSAGE(prepared.has_value(), prepared.error().detail);
  CHECK(w.marker.ran());
  CHECK(prepared->trust == "key:" + w.author.publicKey().thumbprint());
  CHECK_FALSE(prepared->process);
  CHECK(std::string(prepared->plugin->id) == "acme.marker");
  CHECK(prepared->library->sha256() == prepared->package.manifest.files.at("test_marker.so"));
}

PIPELINE_TEST("every refusal comes before any code of the plugin runs") {
  struct Case {
    const char* name;
    std::function<void(World&)> damage;
    const char* says;
  };
  const Case cases[] = {
      {"tampered library", [](World& w) { REQUIRE(writeFileAtomic(w.library(), *readFile(w.library(), 64u << 20) + "x").has_value()); }, "has the SHA-256"},
      {"tampered manifest", [](World& w) { w.edit([](Json& m) { m.set("max_concurrency", 9); }); }, "changed after signing"},
      {"swapped signature",
       [](World& w) {
         const auto mine = w.manifest();
         w.edit([](Json& m) { m.set("id", "acme.other"); });
         w.sign({&w.author});
         REQUIRE(writeFileAtomic(w.folder + "/plugin.json", mine).has_value());
       },
       "different packages"},
      {"no signature", [](World& w) { w.unsign(); }, "is not signed"},
      {"revoked key", [](World& w) { REQUIRE(w.admin.revoke(w.key.kid(), "stolen", "operator").has_value()); }, "was revoked"},
      {"more than granted",
       [](World& w) {
         w.key.grants.egress = {};
         w.trust();
       },
       "permissions.egress"},
      {"channel",
       [](World& w) {
         w.key.channels = {Channel::dev};
         w.trust();
       },
       "not trusted in prod mode"},
      {"prefix",
       [](World& w) {
         w.key.prefixes = {"acme.pager."};
         w.trust();
       },
       "ids that begin with \"acme.pager.\""},
      {"in process without leave",
       [](World& w) {
         w.key.grants.inproc = false;
         w.trust();
       },
       "--inproc"},
      {"another ABI",
       [](World& w) {
         w.edit([](Json& m) { m.set("abi", Json::object({{"major", 2}, {"min_minor", 0}})); });
         w.sign({&w.author});
       },
       "plugin ABI 2.0"},
      {"a service that this host lacks",
       [](World& w) {
         w.edit([](Json& m) { m.set("requires", Json::array({"ccp.teleport/1"})); });
         w.sign({&w.author});
       },
       "ccp.teleport/1"},
      {"expired manifest",
       [](World& w) {
         w.edit([](Json& m) { m.set("expires", "2001-01-01T00:00:00Z"); });
         w.sign({&w.author});
       },
       "expired at"},
      {"library that others may write", [](World& w) { ::chmod(w.library().c_str(), 0666); }, "chmod go-w"},
      {"folder that others may write", [](World& w) { ::chmod(w.folder.c_str(), 0777); }, "chmod go-w"},
      {"library behind a symbolic link",
       [](World& w) {
         std::filesystem::rename(w.library(), w.root() + "/elsewhere.so");
         std::filesystem::create_symlink(w.root() + "/elsewhere.so", w.library());
       },
       "symbolic link"},
      {"plugin folder behind a symbolic link",
       [](World& w) {
         std::filesystem::rename(w.folder, w.root() + "/elsewhere");
         std::filesystem::create_symlink(w.root() + "/elsewhere", w.folder);
       },
       "cannot be opened"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    World w(env);
    w.makeUnique();
    w.trust();
    c.damage(w);
    checkRefused(w, w.prepare(), c.says);
  }
  // The same package undamaged does run code: the marker works.
  World w(env);
  w.makeUnique();
  w.trust();
  CHECK(w.prepare().has_value());
  CHECK(w.marker.ran());
}

PIPELINE_TEST("an expired key is refused from its very second on") {
  World w(env);
  w.makeUnique();
  w.key.expires_at = env.clock.now() + seconds(60);
  w.trust();
  env.clock.advance(seconds(60));
  checkRefused(w, w.prepare(), "which expired at");
  env.clock.advance(seconds(-1));
  CHECK(w.prepare().has_value());
}

PIPELINE_TEST("an older version than one that ran is refused until an operator allows it") {
  World w(env);
  w.makeUnique();
  w.trust();
  {
    const auto newer = w.prepare();
    REQUIRE(newer.has_value());
    // Prepared and not started: nothing is remembered.
    CHECK(w.admin.overview()->floors.empty());
    REQUIRE(start(env, w, *newer).has_value());
    REQUIRE(start(env, w, *newer).has_value());
  }
  CHECK(w.admin.overview()->floors.at(0).version == "1.2.0");

  World old(env);
  old.makeUnique();
  old.trust();
  old.setVersion("1.1.9");
  checkRefused(old, old.prepare(), "ccp plugin trust rollback acme.marker --to 1.1.9");
  CHECK(old.prepare().error().detail.find("version 1.2.0 ran here before") != std::string::npos);

  CHECK(w.admin.allowRollback("acme.marker", "1.1", "", "operator").error().code == Errc::validation_failed);
  CHECK(w.admin.allowRollback("acme.marker", "1.2.0", "", "operator").error().code == Errc::conflict);
  CHECK(w.admin.allowRollback("acme.other", "1.0.0", "", "operator").error().code == Errc::not_found);
  REQUIRE(w.admin.allowRollback("acme.marker", "1.1.9", "1.2.0 loses pages", "operator").has_value());
  // The manifest may load now; what its library says of itself is another check.
  CHECK(old.prepare().error().detail.find("its signed manifest says otherwise") != std::string::npos);
  old.setVersion("1.1.8");
  CHECK(old.prepare().error().detail.find("ran here before") != std::string::npos);
}

PIPELINE_TEST("a file that is replaced between check and load changes nothing") {
  World w(env);
  w.makeUnique();
  w.trust();
  const auto prepared = w.prepare();
  REQUIRE(prepared.has_value());
  const std::string verified = *readFile(w.library(), 64u << 20);
  REQUIRE(writeFileAtomic(w.library(), "not an ELF file any more").has_value());
  // The descriptor that runs in either way holds the verified bytes, and nobody can write to it.
  std::string sealed(verified.size() + 1, '\0');
  const auto n = ::pread(prepared->library->fd(), sealed.data(), sealed.size(), 0);
  REQUIRE(n == static_cast<ssize_t>(verified.size()));
  sealed.resize(verified.size());
  CHECK(sealed == verified);
  CHECK(::pwrite(prepared->library->fd(), "x", 1, 0) == -1);
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  CHECK((::fcntl(prepared->library->fd(), F_GET_SEALS) & kSeals) == kSeals);
  const auto again = loadLibrary(prepared->package, prepared->library);
  REQUIRE(again.has_value());
  CHECK(*again == prepared->plugin);
}

PIPELINE_TEST("unsigned plugins load in dev mode only, loudly, and never lock out signed ones") {
  World w(env, true);
  w.makeUnique();
  w.unsign();
  const auto prepared = w.prepare();
  REQUIRE_MESSAGE(prepared.has_value(), prepared.error().detail);
  CHECK(prepared->trust == "unsigned");
  REQUIRE(start(env, w, *prepared).has_value());
  CHECK(w.admin.overview()->floors.empty());
  World prod(env);
  prod.makeUnique();
  prod.unsign();
  checkRefused(prod, prod.prepare(), "In prod mode every plugin needs");
}

PIPELINE_TEST("a configuration that breaks the plugin's schema is refused by its JSON pointer before any code runs") {
  World w(env);
  w.makeUnique();
  w.trust();
  const std::pair<const char*, const char*> cases[] = {
      {R"({"routes":[{"severity":2},{"severity":0}]})", "plugins[pager].config/routes/1/severity"},
      {R"({"routes":7})", "plugins[pager].config/routes"},
      {R"({"root":true})", "plugins[pager].config"},
  };
  for (const auto& c : cases) {
    const auto prepared = w.pipeline.prepare({"pager", "acme.marker", "inproc", *parseJson(c.first), {}});
    REQUIRE_FALSE(prepared.has_value());
    CHECK(prepared.error().code == Errc::config_invalid);
    CHECK_MESSAGE(prepared.error().detail.find(c.second) != std::string::npos, prepared.error().detail);
    CHECK_FALSE(w.marker.ran());
  }
  CHECK(w.pipeline.prepare({"pager", "acme.marker", "inproc", *parseJson(R"({"routes":[{"severity":2}]})"), {}}).has_value());
  CHECK(w.marker.ran());
}

PIPELINE_TEST("a library that crashes while it is loaded costs a process that is thrown away") {
  World w(env);
  std::filesystem::copy_file(test::kBuiltFixtures + "/test_crashing.so", w.library(), std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(w.library(), std::filesystem::perms(0644));
  w.makeUnique();
  w.trust();
  const auto prepared = w.prepare();
  REQUIRE_FALSE(prepared.has_value());
  CHECK(prepared.error().code == Errc::plugin_refused);
  CHECK_MESSAGE(prepared.error().detail.find("acme.marker 1.2.0") != std::string::npos, prepared.error().detail);
  CHECK_MESSAGE(prepared.error().detail.find("signal 11") != std::string::npos, prepared.error().detail);
  CHECK_MESSAGE(prepared.error().detail.find("Nothing of it has run in ccpd") != std::string::npos, prepared.error().detail);
}

PIPELINE_TEST("a third party's plugin is prepared for a process of its own: nothing of it runs here") {
  World w(env);
  w.makeUnique();
  w.key.grants.inproc = false;
  w.trust();
  const auto prepared = w.prepare("");
  REQUIRE_MESSAGE(prepared.has_value(), prepared.error().detail);
  CHECK(prepared->process);
  CHECK(prepared->plugin == nullptr);
  CHECK(prepared->library->fd() >= 0);
  CHECK_FALSE(w.marker.ran());
}

PIPELINE_TEST("without the program for it, no plugin runs in a process of its own") {
  World w(env);
  w.makeUnique();
  w.trust();
  const Pipeline pipeline(env.db(), env.clock, {w.root(), w.state.path(), false, std::nullopt, "/nowhere/ccp-plugin-host"});
  const auto prepared = pipeline.prepare({"pager", "acme.marker", "process", Json(), {}});
  REQUIRE_FALSE(prepared.has_value());
  CHECK_MESSAGE(prepared.error().detail.find("/nowhere/ccp-plugin-host") != std::string::npos, prepared.error().detail);
}
