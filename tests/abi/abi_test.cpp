// The C ABI as a promise: what a release laid out stays where it is, and the headers compile everywhere.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const std::string kHere = std::string(CCP_SOURCE_DIR) + "/tests/abi";

/// Exit status of a command; what it writes goes to `out`.
int run(const std::string& command, std::string& out) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  return ::pclose(pipe);
}

std::vector<std::string> linesOf(std::istream& in) {
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("every layout and number that a release had is still the same") {
  std::string printed;
  REQUIRE_MESSAGE(run(CCP_LAYOUT_PROBE, printed) == 0, printed);
  std::istringstream text(printed);
  const auto now_list = linesOf(text);
  const std::set<std::string> now(now_list.begin(), now_list.end());
  int releases = 0;
  for (const auto& golden : fs::directory_iterator(kHere + "/golden")) {
    ++releases;
    CAPTURE(golden.path().filename().string());
    std::ifstream in(golden.path());
    const auto promised = linesOf(in);
    REQUIRE(promised.size() > 100);
    for (const auto& line : promised) CHECK_MESSAGE(now.count(line) == 1, line, " is gone or moved; the ABI only grows at the end (sdk/README.md)");
  }
  CHECK(releases >= 1);
}

TEST_CASE("the headers are C11, C17 and C++11 to C++20, without padding, for gcc and clang, each alone") {
  struct Language {
    const char* compilers[2];
    const char* flags;
    std::vector<const char*> standards;
  };
  const Language languages[] = {{{"gcc", "clang"}, "-x c", {"c11", "c17"}}, {{"g++", "clang++"}, "-x c++", {"c++11", "c++14", "c++17", "c++20"}}};
  const std::string include = std::string(CCP_SOURCE_DIR) + "/sdk/include/ccp/abi/";
  int compiled = 0;
  for (const auto& language : languages) {
    for (const char* compiler : language.compilers) {
      std::string version;
      if (run(std::string("command -v ") + compiler, version) != 0) continue;
      for (const char* standard : language.standards) {
        CAPTURE(compiler);
        CAPTURE(standard);
        std::string command = std::string(compiler) + " " + language.flags + " -std=" + standard + " -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only";
        for (const auto& header : fs::directory_iterator(include)) command += " '" + header.path().string() + "'";
        std::string out;
        CHECK_MESSAGE(run(command, out) == 0, out);
        ++compiled;
      }
    }
  }
  CHECK(compiled >= 6);
}
