// Mistakes that must not compile, and the sentence that the author reads instead.
#include <doctest/doctest.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

constexpr const char* kGood = R"(
  ccp::json begin(ccp::Call&, const ccp::json&) { return {}; }
  ccp::json describe(ccp::Call&, const ccp::json&) { return {}; }
)";

/// Compiles a plugin class with this body; what the compiler says.
std::string compile(const std::string& before, const std::string& body, bool& ok) {
  const std::string path = std::string(CCP_BINARY_DIR) + "/tests/sdk_misuse.cpp";
  {
    std::ofstream out(path);
    out << "#include \"ccp/identity.hpp\"\n" << before << " {\n public:\n  using Provides = ccp::Provides<ccp::Identity>;\n" << body << "};\nCCP_PLUGIN(Subject)\n";
  }
  const std::string command = std::string(CCP_CXX) + " -std=c++17 -fsyntax-only -Wall -Wextra -Werror -DCCP_PLUGIN_ID='\"a\"' -DCCP_PLUGIN_VERSION='\"1\"' -I'" +
                              CCP_SOURCE_DIR "/sdk/include' '" + path + "' 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) said.append(buffer.data(), n);
  ok = ::pclose(pipe) == 0;
  return said;
}

}  // namespace

TEST_CASE("a correct class compiles as C++17, and each mistake is named") {
  struct Case {
    const char* name;
    std::string declaration;
    std::string body;
    const char* says;  ///< nullptr: compiles
  };
  const Case cases[] = {
      {"correct", "class Subject", kGood, nullptr},
      {"a required operation is missing", "class Subject", "ccp::json describe(ccp::Call&, const ccp::json&) { return {}; }", "must implement begin"},
      {"wrong arguments", "class Subject", std::string(kGood) + "ccp::json poll(ccp::Call&) { return {}; }", "poll must be public"},
      {"wrong result", "class Subject", std::string(kGood) + "int poll(ccp::Call&, const ccp::json&) { return 1; }", "poll must be public"},
      {"private", "class Subject", std::string(kGood) + " private:\n ccp::json poll(ccp::Call&, const ccp::json&) { return {}; }\n", "poll must be public"},
      {"no method at all", "class Subject", std::string(kGood) + "int poll = 1;", "poll must be public"},
      {"final", "class Subject final", kGood, "must not be final"},
      {"no usable constructor", "class Subject", std::string(kGood) + "explicit Subject(int) {}", "a plugin class is made from"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    bool ok = false;
    const std::string said = compile(c.declaration, c.body, ok);
    if (!c.says) {
      CHECK_MESSAGE(ok, said);
      continue;
    }
    CHECK_FALSE(ok);
    CHECK_MESSAGE(said.find(c.says) != std::string::npos, said.substr(0, 2000));
  }
}
