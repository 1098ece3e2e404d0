// The C ABI as a promise: what a release laid out stays where it is, the gate that says so can fail, and
// the headers compile everywhere.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ccp/abi/plugin.h"
#include "tests/abi/gate.hpp"
#include "tests/support/temp_db.hpp"

namespace fs = std::filesystem;
using namespace ccp::abi;

namespace {

const std::string kSource = CCP_SOURCE_DIR;
const std::string kInclude = kSource + "/sdk/include";

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out += line + "\n";
  return out;
}

/// A copy of the headers with one text replaced.
std::string mutated(const std::string& folder, const std::string& header, const std::string& from, const std::string& to) {
  fs::create_directories(folder + "/ccp");
  fs::copy(kInclude + "/ccp/abi", folder + "/ccp/abi", fs::copy_options::recursive);
  const std::string path = folder + "/ccp/abi/" + header;
  std::string text = readFile(path);
  const auto at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, header, " has no \"", from, "\"");
  text.replace(at, from.size(), to);
  std::ofstream(path) << text;
  return folder;
}

}  // namespace

TEST_CASE("every layout, number and signature that a release had is still the same") {
  const ccp::test::TempDir dir;
  REQUIRE(releases().size() >= 2);
  std::string reports;
  const auto found = findings(kInclude, dir.path(), &reports);
  // For people: what has grown since each release.
  const std::string report_path = std::string(CCP_BINARY_DIR) + "/abi-report.txt";
  std::ofstream(report_path) << reports;
  MESSAGE("abidiff's report: " << report_path);
  CHECK_MESSAGE(found.empty(), joined(found), "The ABI only grows at the end (sdk/README.md).");
  CHECK(reports.find("ed25519_sign") != std::string::npos);  // the report is not empty: 1.0 has grown
}

TEST_CASE("the golden files of this minor version are whole, and the frozen headers are untouched") {
  const ccp::test::TempDir dir;
  const std::string minor = std::to_string(CCP_ABI_MAJOR) + "." + std::to_string(CCP_ABI_MINOR);
  std::string failure;
  const std::string now = layoutOf(kInclude, dir.path(), failure);
  CHECK_MESSAGE(now == readFile(kSource + "/tests/abi/golden/" + minor + ".txt"),
                "something grew: raise CCP_ABI_MINOR if " << minor << " is out, then run tests/abi/freeze");
  std::string out;
  for (const auto& frozen : fs::directory_iterator(kSource + "/tests/abi/frozen")) {
    const std::string version = frozen.path().filename().string();
    CAPTURE(version);
    const std::string library = dir.path() + "/frozen.so";
    REQUIRE_MESSAGE(run("gcc -std=c11 -g -fPIC -shared -I '" + frozen.path().string() + "' '" + kSource + "/tests/abi/abi_probe.c' -o '" + library + "'", out) == 0, out);
    CHECK_MESSAGE(run("abidiff '" + kSource + "/tests/abi/golden/" + version + ".abi' '" + library + "'", out) == 0, out);
  }
}

TEST_CASE("the gate fails for headers that would break a plugin") {
  struct Mutation {
    const char* name;
    const char* header;
    const char* from;
    const char* to;
    const char* says;
  };
  const Mutation mutations[] = {
      {"a member is inserted", "host_crypto.h", "  /* 32 bytes to `out`. [any] */", "  void (*inserted)(void);", "sha256' offset changed"},
      {"a member is removed", "billing.h", "  ccp_op create_portal_link;", "", "create_portal_link"},
      {"two members change places", "exporter.h", "  ccp_op open;", "  ccp_op flush; ccp_op open2;", "flush"},
      {"a member is renamed", "billing.h", "  ccp_op get_checkout;", "  ccp_op got_checkout;", "get_checkout"},
      {"a member is wider", "plugin.h", "  uint16_t abi_minor;", "  uint32_t abi_minor;", "offset changed"},
      {"a member is narrower", "plugin.h", "  uint64_t deadline_mono_ns;", "  uint32_t deadline_mono_ns; uint32_t rest;", "type size changed from 64 to 32"},
      {"a parameter is inserted", "host_http.h", "ccp_str head_json, ccp_str body,", "ccp_str head_json, int32_t extra, ccp_str body,", "parameter 8"},
      {"a parameter is narrower", "plugin.h", "const void *data, size_t len);", "const void *data, uint32_t len);", "type size changed from 64 to 32"},
      {"a result has another sign", "host_clock.h", "  uint64_t (*mono_ns)", "  int64_t (*mono_ns)", "return type"},
      {"every operation gets a parameter", "plugin.h", "const ccp_call *call, ccp_str in_json);", "const ccp_call *call, ccp_str in_json, int32_t more);", "parameter"},
      {"the entry point gets a parameter", "plugin.h", "ccp_plugin_entry_v1(void);\ntypedef const ccp_plugin *(*ccp_plugin_entry_fn)(void);",
       "ccp_plugin_entry_v1(void);\ntypedef const ccp_plugin *(*ccp_plugin_entry_fn)(int32_t);", "parameter 1"},
      {"a result class has another number", "plugin.h", "#define CCP_RC_UNAVAILABLE 8", "#define CCP_RC_UNAVAILABLE 9", "CCP_RC_UNAVAILABLE = 8"},
      {"a service has another id", "host_http.h", "ID \"ccp.http/1\"", "ID \"ccp.http/2\"", "ccp.http/1"},
      {"the magic is another one", "plugin.h", "0x31504343", "0x32504343", "CCP_PLUGIN_MAGIC"}};
  const ccp::test::TempDir dir;
  int number = 0;
  for (const auto& m : mutations) {
    CAPTURE(std::string(m.name));
    const std::string folder = mutated(dir.path() + "/" + std::to_string(number++), m.header, m.from, m.to);
    const std::string found = joined(findings(folder, folder + "/scratch"));
    CHECK_FALSE(found.empty());
    CHECK_MESSAGE(found.find(m.says) != std::string::npos, found);
  }
}

TEST_CASE("the gate lets a table grow at its end") {
  const ccp::test::TempDir dir;
  // The probe does not know the new slot: only libabigail looks at this one.
  const std::string folder = mutated(dir.path() + "/grown", "host_clock.h", "} ccp_clock_v1;", "  int64_t (*zone)(const struct ccp_clock_v1 *self);\n} ccp_clock_v1;");
  const std::string library = dir.path() + "/abi_probe.so";
  std::string out;
  REQUIRE_MESSAGE(run("gcc -std=c11 -g -fPIC -shared -I '" + folder + "' '" + kSource + "/tests/abi/abi_probe.c' -o '" + library + "'", out) == 0, out);
  std::string report;
  CHECK(run("abidiff '" + kSource + "/tests/abi/golden/1.0.abi' '" + library + "'", report) != 0);
  CHECK(report.find("zone") != std::string::npos);
  CHECK_MESSAGE(breakingLines(report).empty(), joined(breakingLines(report)));
}

TEST_CASE("the C headers are C11, C17 and C++11 to C++20, without padding, for gcc, clang and libc++, each alone") {
  struct Language {
    std::vector<const char*> compilers;
    const char* flags;
    std::vector<const char*> standards;
  };
  const Language languages[] = {{{"gcc", "clang"}, "-x c", {"c11", "c17"}},
                                {{"g++", "clang++", "clang++ -stdlib=libc++"}, "-x c++", {"c++11", "c++14", "c++17", "c++20"}}};
  int compiled = 0;
  for (const auto& language : languages) {
    for (const char* compiler : language.compilers) {
      for (const char* standard : language.standards) {
        CAPTURE(compiler);
        CAPTURE(standard);
        std::string command = std::string(compiler) + " " + language.flags + " -std=" + standard + " -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only";
        for (const auto& header : fs::directory_iterator(kInclude + "/ccp/abi")) command += " '" + header.path().string() + "'";
        std::string out;
        CHECK_MESSAGE(run(command, out) == 0, out);
        ++compiled;
      }
    }
  }
  CHECK(compiled == 16);
}

TEST_CASE("the C++ headers are C++17 and C++20 for gcc, clang and libc++, without warnings") {
  const ccp::test::TempDir dir;
  const std::string file = dir.path() + "/all.cpp";
  {
    std::ofstream text(file);
    for (const auto& header : fs::directory_iterator(kInclude + "/ccp")) {
      if (header.path().extension() == ".hpp") text << "#include \"ccp/" << header.path().filename().string() << "\"\n";
    }
    text << "#include \"ccp/testing/fake_host.hpp\"\n";
  }
  for (const char* compiler : {"g++ -std=c++17", "g++ -std=c++20", "clang++ -std=c++17", "clang++ -std=c++17 -stdlib=libc++", "clang++ -std=c++20 -stdlib=libc++"}) {
    CAPTURE(compiler);
    std::string out;
    CHECK_MESSAGE(run(std::string(compiler) + " -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -DJSON_USE_IMPLICIT_CONVERSIONS=0 -fsyntax-only -I '" + kInclude + "' '" + file + "'", out) == 0, out);
  }
}
