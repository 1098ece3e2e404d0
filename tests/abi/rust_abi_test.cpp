// The Rust declarations of the ABI are generated and may not drift: the file in the tree is what the generator
// makes today, and a Rust program over it sees the layouts that the C probe sees.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/abi/gate.hpp"

namespace fs = std::filesystem;
using ccp::abi::linesOf;
using ccp::abi::readFile;
using ccp::abi::run;

namespace {

const std::string kRust = std::string(CCP_SOURCE_DIR) + "/sdk/rust";
const std::string kInclude = std::string(CCP_SOURCE_DIR) + "/sdk/include";
const std::string kGenerator = std::string(CCP_SOURCE_DIR) + "/scripts/gen-rust-abi";

std::string ran(const std::string& command) {
  std::string out;
  REQUIRE_MESSAGE(run(command, out) == 0, command, "\n", out);
  return out;
}
/// Debian's compiler is the oldest that the SDK promises to work with; one of the user's own may be newer.
std::vector<std::string> compilers() {
  std::vector<std::string> out;
  for (const char* name : {"/usr/bin/rustc", "rustc"}) {
    std::string path;
    if (run(std::string("command -v ") + name, path) != 0) continue;
    path.erase(path.find_last_not_of('\n') + 1);
    if (out.empty() || out.front() != path) out.push_back(path);
  }
  return out;
}

struct Scratch {
  std::string path = (fs::temp_directory_path() / "ccp-rust-XXXXXX").string();
  Scratch() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Scratch() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("ccp_abi.rs is what the generator makes of the headers and the layout probe") {
  CHECK_MESSAGE(ran(kGenerator) == readFile(kRust + "/ccp_abi.rs"), "run scripts/gen-rust-abi > sdk/rust/ccp_abi.rs");
}

TEST_CASE("the generator refuses a layout with a field that no header has, and one that leaves a field out") {
  const Scratch dir;
  std::string failure;
  const auto layout = linesOf(ccp::abi::layoutOf(kInclude, dir.path, failure));
  REQUIRE_MESSAGE(layout.size() > 100, failure);
  const auto generated = [&](const std::string& field, const std::string& instead) {
    std::ofstream out(dir.path + "/layout");
    for (const auto& line : layout) {
      if (line.rfind(field, 0) != 0) out << line << "\n";
      else if (!instead.empty()) out << instead + line.substr(field.size()) << "\n";
    }
    out.close();
    std::string said;
    CHECK(run(kGenerator + " " + dir.path + "/layout", said) != 0);
    return said;
  };
  CHECK(generated("ccp_str.len ", "ccp_str.length ").find("no field ccp_str.length") != std::string::npos);
  CHECK(generated("ccp_sink.write ", "").find("the headers have") != std::string::npos);
}

TEST_CASE("Rust sees every layout and number that C sees, and its SDK passes its own tests") {
  const auto found = compilers();
  REQUIRE_MESSAGE(!found.empty(), "rustc is not installed (scripts/install-deps tests)");
  for (const auto& rustc : found) {
    CAPTURE(rustc);
    const Scratch dir;
    std::string failure;
    const std::string expected = ccp::abi::layoutOf(kInclude, dir.path, failure);
    REQUIRE_MESSAGE(!expected.empty(), failure);
    fs::copy(kRust + "/ccp_abi.rs", dir.path + "/ccp_abi.rs");
    std::ofstream(dir.path + "/probe.rs") << ran(kGenerator + " --probe");
    ran(rustc + " --edition 2021 -D warnings -o " + dir.path + "/probe " + dir.path + "/probe.rs");
    CHECK(linesOf(ran(dir.path + "/probe")) == linesOf(expected));
    ran(rustc + " --edition 2021 -D warnings --test --crate-name ccp_sdk -o " + dir.path + "/tests " + kRust + "/ccp_plugin.rs");
    CHECK(ran(dir.path + "/tests").find("test result: ok. 7 passed") != std::string::npos);
  }
}
