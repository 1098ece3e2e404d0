// Level 0 on packages that were damaged after they were packed, and the kit's own manners.
#include <doctest/doctest.h>

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "ccp/abi/host.h"
#include "core/config/schema_validator.hpp"
#include "sdk/conformance/catalog.hpp"
#include "sdk/conformance/elf_reader.hpp"
#include "sdk/conformance/example.hpp"
#include "sdk/conformance/fixtures.hpp"
#include "sdk/conformance/host/history.hpp"
#include "sdk/conformance/schemas.hpp"
#include "core/package/interfaces.hpp"
#include "tests/conformance/kit_run.hpp"
#include "tests/support/temp_db.hpp"

namespace fs = std::filesystem;
using namespace ccp;

namespace {

const std::string kPlugins = std::string(CCP_BINARY_DIR) + "/tests/plugins/";

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

/// A copy of the good misfit that a test may damage.
struct Damaged {
  Damaged() : folder(dir.path() + "/test_misfit_none") { fs::copy(kPlugins + "test_misfit_none", folder, fs::copy_options::recursive); }
  std::string file(const char* name) const { return folder + "/" + name; }
  test::TempDir dir;
  std::string folder;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a library that breaks every rule of level 0 fails each of its tests") {
  const auto run = test::checkPlugin(kPlugins + "test_misfit_raw.so", {"--only", "L0"});
  CHECK(run.exit_code == 1);
  const std::pair<const char*, const char*> expected[] = {{"L0.exports", "misfit_helper"}, {"L0.search-path", "/tmp/libraries"}, {"L0.text-relocations", "text relocations"},
                                                          {"L0.executable-stack", "executable stack"}, {"L0.manifest", "plugin.json"}};
  for (const auto& one : expected) {
    CAPTURE(std::string(one.first));
    CHECK(run.status(one.first, "file") == "failed");
    CHECK_MESSAGE(run.failures(one.first).find(one.second) != std::string::npos, run.failures(one.first));
  }
#ifdef CCP_COMPILER_IS_GNU
  CHECK(run.status("L0.unique-symbols", "file") == "failed");  // clang makes none
#endif
}

TEST_CASE("what was changed after packing is found") {
  struct Case {
    const char* name;
    std::function<void(const Damaged&)> damage;
    const char* test;
    const char* says;
  };
  const Case cases[] = {
      {"a byte of the library", [](const Damaged& d) { write(d.file("test_misfit_none.so"), read(d.file("test_misfit_none.so")) + "x"); }, "L0.hashes", "has the SHA-256"},
      {"half a library", [](const Damaged& d) { write(d.file("test_misfit_none.so"), read(d.file("test_misfit_none.so")).substr(0, 200)); }, "L0.elf", "too early"},
      {"no library at all", [](const Damaged& d) { write(d.file("test_misfit_none.so"), "#!/bin/sh\n"); }, "L0.elf", "no ELF"},
      {"a file of the package", [](const Damaged& d) { fs::remove(d.file("config.json")); }, "L0.hashes", "config.json"},
      {"the name of the library", [](const Damaged& d) { fs::rename(d.file("test_misfit_none.so"), d.file("other.so")); }, "L0.name", "other.so"},
      {"the signed manifest", [](const Damaged& d) { write(d.file("plugin.json"), replaced(read(d.file("plugin.json")), "\"kv_bytes\" : 1024", "\"kv_bytes\" : 4096")); }, "L0.signature", "not the plugin.json"},
      {"a member that no manifest has", [](const Damaged& d) { write(d.file("plugin.json"), replaced(read(d.file("plugin.json")), "\"provides\"", "\"gives\":[],\"provides\"")); }, "L0.manifest", "gives"},
      {"a minor version of the future", [](const Damaged& d) { write(d.file("plugin.json"), replaced(read(d.file("plugin.json")), "\"min_minor\" : 0", "\"min_minor\" : 99")); }, "L0.manifest", "1.99"},
      {"the envelope", [](const Damaged& d) { write(d.file("plugin.json.dsse"), "{}"); }, "L0.signature", "plugin.json.dsse"},
      {"a schema that allows everything", [](const Damaged& d) { write(d.file("config.json"), R"({"type":"object"})"); }, "L1.config-schema", "members that it does not name"},
      {"a schema that is none", [](const Damaged& d) { write(d.file("config.json"), R"({"type":)"); }, "L1.config-schema", "config.json"}};
  for (const auto& c : cases) {
    CAPTURE(std::string(c.name));
    const Damaged d;
    c.damage(d);
    const auto run = test::checkPlugin(d.folder, {"--only", c.test});
    CHECK(run.exit_code == 1);
    CHECK_MESSAGE(run.failures(c.test).find(c.says) != std::string::npos, run.output.substr(0, 1500));
  }
}

TEST_CASE("exit status, list, JUnit, and words that are wrong") {
  CHECK(test::runKit({}).exit_code == 2);
  CHECK(test::runKit({"/nowhere.so"}).exit_code == 2);
  CHECK(test::runKit({"--level", "7", "x.so"}).exit_code == 2);
  CHECK(test::runKit({"--only", "L9.nothing", "x.so"}).exit_code == 2);
  CHECK(test::runKit({"--isolation", "none", "x.so"}).exit_code == 2);
  CHECK(test::runKit({"--frobnicate", "1", "x.so"}).exit_code == 2);
  CHECK(test::runKit({"--help"}).exit_code == 0);
  const auto list = test::runKit({"--list"});
  CHECK(list.exit_code == 0);
  for (const auto& one : kit::allTests()) CHECK(list.output.find(std::string(one.id)) != std::string::npos);

  const test::TempDir dir;
  const std::string junit = dir.path() + "/report.xml";
  const auto run = test::runKit({kPlugins + "test_misfit_sick_health", "--only", "L2.start-health", "--only", "L2.double-drain", "--junit", junit, "--isolation", "inproc"});
  CHECK(run.exit_code == 1);
  CHECK(run.output.find("1 ok, 1 failed, 0 skipped") != std::string::npos);
  const std::string xml = read(junit);
  CHECK(xml.find("tests=\"2\" failures=\"1\"") != std::string::npos);
  CHECK(xml.find("<testcase classname=\"ccp.test-misfit-sick-health.L2.inproc\" name=\"L2.start-health\"") != std::string::npos);
  CHECK(xml.find("&quot;fine&quot;") != std::string::npos);
}

TEST_CASE("ccp plugin check is the same program") {
  const auto ccp = [](const std::string& words, int& status) {
    std::string out;
    std::FILE* pipe = ::popen(("'" CCP_CLI "' " + words + " 2>&1 </dev/null").c_str(), "r");
    REQUIRE(pipe != nullptr);
    char buffer[4096];
    while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
    status = WEXITSTATUS(::pclose(pipe));
    return out;
  };
  int status = -1;
  const std::string good = ccp("plugin check '" + kPlugins + "test_misfit_none' --level 1 --isolation inproc", status);
  CHECK_MESSAGE(status == 0, good);
  CHECK(good.find("0 failed") != std::string::npos);
  const std::string bad = ccp("--json plugin check '" + kPlugins + "test_misfit_sick_health' --only L2.start-health --isolation inproc", status);
  CHECK(status == 1);
  const auto report = parseJson(bad);
  REQUIRE_MESSAGE(report.has_value(), bad);
  CHECK(report->intOr("failed") == 1);
  ccp("plugin check", status);
  CHECK(status == 2);
  ccp("plugin check /nowhere", status);
  CHECK(status == 2);
}

TEST_CASE("fixtures are played: requests in order, answers as recorded, results compared") {
  const test::TempDir dir;
  fs::create_directories(dir.path() + "/send");
  const auto fixture = [&](const std::string& text) { write(dir.path() + "/send/one.json", text); };
  const auto run = [&] { return test::checkPlugin(kPlugins + "test_misfit_none", {"--only", "L3.fixtures", "--isolation", "inproc", "--fixtures", dir.path()}); };
  const std::string in = R"("in":{"message":{"text":"hello"}})";
  fixture("{" + in + R"(,"http":[{"request":{"method":"POST","url":"https://misfit.example.com/","body":{"message":{"text":"hello"}}},"response":{"status":200,"json":{}}}],"expect":{"rc":"OK","out":{}}})");
  CHECK_MESSAGE(run().exit_code == 0, run().output);
  fixture("{" + in + R"(,"http":[{"request":{"method":"POST","url":"https://misfit.example.com/"},"response":{"status":503}}],"expect":{"rc":"UNAVAILABLE","code":"provider_error"}})");
  CHECK_MESSAGE(run().exit_code == 0, run().output);
  const std::pair<const char*, const char*> wrong[] = {
      {R"(,"http":[{"request":{"url":"https://misfit.example.com/other"},"response":{}}],"expect":{"rc":"OK"}})", "https://misfit.example.com/other"},
      {R"(,"http":[{"response":{}},{"response":{}}],"expect":{"rc":"OK"}})", "1 requests of 2"},
      {R"(,"http":[],"expect":{"rc":"OK"}})", "does not expect any more"},
      {R"(,"http":[{"response":{}}],"expect":{"rc":"OK","out":{"delivered_at":"now"}}})", "/delivered_at is missing"},
      {R"(,"http":[{"response":{"rc":"UNAVAILABLE"}}],"expect":{"rc":"UNAVAILABLE","code":"other"}})", "provider_down"},
      {R"(,"expect":{"rc":"FINE"}})", "no class"},
      {R"(,"expects":{}})", "\"expects\""}};
  for (const auto& one : wrong) {
    fixture("{" + in + one.first);
    const auto failed = run();
    CHECK(failed.exit_code == 1);
    CHECK_MESSAGE(failed.failures("L3.fixtures").find(one.second) != std::string::npos, failed.output);
  }
}

TEST_CASE("the sizes of historical hosts are those of the golden layouts") {
  const std::string golden = std::string(CCP_SOURCE_DIR) + "/tests/abi/golden/";
  int goldens = 0;
  for (const auto& file : fs::directory_iterator(golden)) goldens += file.path().extension() == ".txt";
  CHECK(goldens == static_cast<int>(kit::hostReleases().size()));
  for (const auto& release : kit::hostReleases()) {
    CAPTURE(std::string(release.version));
    const std::string text = read(golden + std::string(release.version) + ".txt");
    const auto size = [&](const std::string& type) {
      std::size_t end = 0;
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) {
        if (line.rfind(type + ".", 0) != 0) continue;
        std::istringstream words(line.substr(line.find(' ')));
        std::size_t offset = 0, bytes = 0;
        words >> offset >> bytes;
        end = std::max(end, offset + bytes);
      }
      return end;
    };
    CHECK(release.host_bytes == size("ccp_host"));
    CHECK(release.services.size() == 9);
    for (const auto& one : release.services) {
      const std::string id(one.first);
      CHECK_MESSAGE(one.second == size("ccp_" + id.substr(4, id.find('/') - 4) + "_v1"), id);
    }
  }
  CHECK(kit::hostReleases().back().minor == CCP_ABI_MINOR);
}

TEST_CASE("every operation has an example input that fits its schema, with and without optional members") {
  int examples = 0;
  for (const char* id : {"ccp.billing/1", "ccp.identity/1", "ccp.notifier/1", "ccp.exporter/1", "ccp.inbound/1"}) {
    for (const auto& slot : plugin::operationsOf(id)) {
      CAPTURE(std::string(id) + " " + std::string(slot.name));
      for (const auto side : {kit::Side::in, kit::Side::out}) {
        const Json& schema = kit::schemaOf(id, slot.name, side);
        REQUIRE_FALSE(schema.isNull());
        const auto compiled = config::Schema::compile(schema);
        REQUIRE(compiled.has_value());
        if (side == kit::Side::out) continue;
        bool any = false;
        for (const bool every : {false, true}) {
          kit::ExampleOptions options;
          options.every_member = every;
          const auto made = kit::exampleOf(schema, options);
          if (made && compiled->validate(*made)) any = true;
          examples += any;
        }
        CHECK(any);
      }
    }
  }
  CHECK(examples >= 32);
}

TEST_CASE("texts for patterns") {
  for (const char* pattern : {"^[a-z][a-z0-9_]{0,31}$", "^https?://[^/?#@]+/?$", "^http://(127\\.0\\.0\\.1|localhost|\\[::1\\])(:[0-9]{1,5})?/?$", "^[A-Z]{3}$", "^(?:ab|c)+\\d{2,}$", "^x{3}y?$", "a|b"}) {
    CAPTURE(std::string(pattern));
    const auto text = kit::textMatching(pattern);
    REQUIRE(text.has_value());
    const auto schema = config::Schema::compile(Json::object({{"type", "string"}, {"pattern", pattern}}));
    REQUIRE(schema.has_value());
    CHECK_MESSAGE(schema->validate(Json(*text)).has_value(), *text);
  }
  for (const char* pattern : {"(?=a)b", "(a", "[a", "a{999999999}", "(a)\\1"}) CHECK_FALSE(kit::textMatching(pattern).has_value());
}

TEST_CASE("the ELF reader refuses what is damaged, at every cut") {
  const std::string whole = read(kPlugins + "test_misfit_none/test_misfit_none.so");
  const auto facts = kit::readElf(whole);
  REQUIRE_MESSAGE(facts.has_value(), facts.error().detail);
  CHECK(facts->machine == kit::ownMachine());
  CHECK(facts->exported.size() == 1);
  CHECK(facts->exported.front().name == CCP_ENTRY_SYMBOL);
  int refused = 0;
  for (std::size_t cut = 0; cut < whole.size(); cut += 1 + cut / 20) refused += !kit::readElf(std::string_view(whole).substr(0, cut)).has_value();
  CHECK(refused > 20);
  CHECK_FALSE(kit::readElf(read("/proc/self/exe").substr(0, 64)).has_value());
}
