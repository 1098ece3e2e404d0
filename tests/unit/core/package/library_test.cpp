// Every plugin library of this build, as a file: one exported symbol, nothing that pins or reaches out.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/package/loader.hpp"
#include "tests/support/temp_db.hpp"

using namespace ccp;
using namespace ccp::plugin;
namespace fs = std::filesystem;

namespace {

std::string output(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) out.append(buffer.data(), n);
  return out;
}

std::vector<std::string> libraries() {
  std::vector<std::string> out;
  for (const char* root : {"/lib/ccp/plugins", "/tests/plugins"}) {
    for (const auto& folder : fs::directory_iterator(std::string(CCP_BINARY_DIR) + root)) {
      if (!folder.is_directory()) continue;
      for (const auto& file : fs::directory_iterator(folder)) {
        if (file.path().extension() == ".so") out.push_back(file.path().string());
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a plugin library exports its entry and nothing else, and binds to nobody") {
  const auto all = libraries();
  REQUIRE(all.size() >= 5);  // three that ship, two fixtures
  for (const auto& path : all) {
    CAPTURE(path);
    std::istringstream symbols(output("nm -D --defined-only '" + path + "'"));
    std::vector<std::string> exported;
    for (std::string address, type, name; symbols >> address >> type >> name;) {
      CHECK_MESSAGE(type != "u", name);  // STB_GNU_UNIQUE
      exported.push_back(name);
    }
    CHECK(exported == std::vector<std::string>{"ccp_plugin_entry_v1"});
    const std::string dynamic = output("readelf -W -d '" + path + "'");
    REQUIRE(dynamic.find("SYMTAB") != std::string::npos);
    CHECK(dynamic.find("TEXTREL") == std::string::npos);
    CHECK(dynamic.find("RPATH") == std::string::npos);
    CHECK(dynamic.find("RUNPATH") == std::string::npos);
    for (const std::string library : {"libssl", "libcrypto", "libcurl", "libPoco", "libpq", "libsoci"}) {
      // Poco::Data is what export_sql is for; it therefore runs in ccpd only (its README).
      if (library == "libPoco" && path.ends_with("/export_sql.so")) continue;
      CHECK(dynamic.find(library) == std::string::npos);
    }
  }
}

TEST_CASE("the plugins that ship load from their signed packages") {
  const auto trust = TrustStore::ofThisBuild();
  REQUIRE(trust.has_value());
  const test::TempDir state;
  for (const char* id : {"ccp.auth-deviceflow", "ccp.billing-polar", "ccp.billing-sandbox"}) {
    CAPTURE(id);
    const auto package = readPackage(std::string(CCP_BINARY_DIR) + "/lib/ccp/plugins", id, *trust, Channel::prod, SystemClock().now());
    REQUIRE_MESSAGE(package.has_value(), package.error().detail);
    const auto plugin = loadLibrary(*package, state.path());
    REQUIRE_MESSAGE(plugin.has_value(), plugin.error().detail);
    CHECK(std::string((*plugin)->id) == id);
    CHECK_FALSE(package->config_schema.isNull());
  }
}
