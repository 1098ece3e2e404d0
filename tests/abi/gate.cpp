#include "tests/abi/gate.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace ccp::abi {
namespace {

namespace fs = std::filesystem;

const std::string kHere = std::string(CCP_SOURCE_DIR) + "/tests/abi";

std::string quoted(const std::string& path) { return "'" + path + "'"; }

/// abidiff says only that something changed; which changes are growth is decided here, by a list of what
/// growth looks like. Anything else fails the gate, lines of a newer libabigail included.
bool isGrowth(const std::string& line, long& old_bits) {
  static const std::regex harmless(
      R"(\s*|(Functions|Variables) changes summary: 0 Removed, .*|\d+ (Changed|Added) (variable|function)s?:|\s*\[[AC]\] .*)"
      R"(|\s*type of variable changed:|\s*(underlying|in pointed to|in unqualified underlying) type .*)"
      R"(|\s*\d+ data member (insertion|change)s?( \(\d+ filtered\))?:|\s*no data member changes? \(\d+ filtered\);?)"
      R"(|\s*type of '.*' changed:|\s*parameter \d+ of type '.*' has sub-type changes:|\s*type size hasn't changed|\d+ functions? with some indirect sub-type change:)");
  static const std::regex size(R"(\s*(size of symbol|type size) changed from (\d+) to (\d+)( \(in bits\))?)");
  static const std::regex inserted(R"(\s*'.*', at offset (\d+) \(in bits\).*)");
  std::smatch match;
  if (std::regex_match(line, match, size)) {
    if (match[4].matched) old_bits = std::stol(match[2]);
    return std::stol(match[3]) > std::stol(match[2]);
  }
  if (std::regex_match(line, match, inserted)) return std::stol(match[1]) >= old_bits;
  return std::regex_match(line, harmless);
}

}  // namespace

int run(const std::string& command, std::string& out) {
  std::FILE* pipe = ::popen(("( " + command + " ) 2>&1").c_str(), "r");
  if (!pipe) return -1;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), n);
  return ::pclose(pipe);
}

std::vector<std::string> linesOf(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> releases() {
  std::vector<std::string> out;
  for (const auto& file : fs::directory_iterator(kHere + "/golden")) {
    if (file.path().extension() == ".txt") out.push_back(file.path().stem().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string layoutOf(const std::string& include, const std::string& scratch, std::string& failure) {
  const std::string program = scratch + "/layout_probe";
  std::string out;
  if (run("gcc -std=c11 -I " + quoted(include) + " " + quoted(kHere + "/layout_probe.c") + " -o " + quoted(program), out) != 0) {
    failure = "layout_probe.c does not compile with these headers: " + out;
    return {};
  }
  out.clear();
  if (run(quoted(program), out) != 0) {
    failure = "layout_probe: " + out.substr(0, out.find('\n'));
    return {};
  }
  return out;
}

std::vector<std::string> breakingLines(std::string_view report) {
  std::vector<std::string> out;
  long old_bits = 0;
  for (const auto& line : linesOf(report)) {
    if (!isGrowth(line, old_bits)) out.push_back(line.substr(line.find_first_not_of(' ')));
  }
  return out;
}

std::vector<std::string> findings(const std::string& include, const std::string& scratch, std::string* reports) {
  std::vector<std::string> out;
  fs::create_directories(scratch);
  std::string failure;
  const auto now = linesOf(layoutOf(include, scratch, failure));
  if (!failure.empty()) out.push_back(failure);
  const std::set<std::string> have(now.begin(), now.end());
  const std::string library = scratch + "/abi_probe.so";
  std::string text;
  if (run("gcc -std=c11 -g -fPIC -shared -I " + quoted(include) + " " + quoted(kHere + "/abi_probe.c") + " -o " + quoted(library), text) != 0) {
    return {"abi_probe.c does not compile with these headers: " + text};
  }
  for (const auto& version : releases()) {
    for (const auto& line : linesOf(readFile(kHere + "/golden/" + version + ".txt"))) {
      if (failure.empty() && have.count(line) == 0) out.push_back(version + " promised \"" + line + "\"; it is gone or moved");
    }
    std::string report;
    const int status = run("abidiff " + quoted(kHere + "/golden/" + version + ".abi") + " " + quoted(library), report);
    // abidiff's exit status is a bit set: 1 error, 2 usage, 4 changes, 8 surely incompatible ones.
    if (status < 0 || (status >> 8 & 3) != 0) out.push_back("abidiff failed: " + report);
    for (const auto& line : breakingLines(report)) out.push_back("abidiff against " + version + ": " + line);
    if ((status >> 8 & 8) != 0) out.push_back("abidiff against " + version + " says: incompatible");
    if (reports) *reports += "== against " + version + "\n" + (report.empty() ? "no change\n" : report);
  }
  return out;
}

}  // namespace ccp::abi
