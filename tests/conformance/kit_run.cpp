#include "tests/conformance/kit_run.hpp"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace ccp::test {

std::string KitRun::status(const std::string& id, const std::string& mode) const {
  for (const auto& one : report["tests"].items()) {
    if (one.strOr("id") == id && one.strOr("mode") == mode) return one.strOr("status");
  }
  return {};
}

std::string KitRun::failures(const std::string& id) const {
  std::string out;
  for (const auto& one : report["tests"].items()) {
    if (one.strOr("id") != id) continue;
    for (const auto& f : one["failures"].items()) out += f.strOr("found") + " | " + f.strOr("needed") + " | " + f.strOr("do") + "\n";
  }
  return out;
}

std::string KitRun::failed() const {
  std::string out;
  for (const auto& one : report["tests"].items()) {
    if (one.strOr("status") != "failed") continue;
    out += one.strOr("id") + " " + one.strOr("mode") + ": ";
    for (const auto& f : one["failures"].items()) out += f.strOr("found") + "; ";
    out += "\n";
  }
  return out.empty() ? output.substr(0, 2000) : out;
}

KitRun runKit(const std::vector<std::string>& arguments) {
  std::string command = "'" CCP_KIT "'";
  for (const auto& word : arguments) command += " '" + word + "'";
  KitRun out;
  std::FILE* pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  if (!pipe) return out;
  std::array<char, 65536> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (auto parsed = parseJson(out.output, {std::size_t{16} << 20, 64})) out.report = std::move(*parsed);
  return out;
}

KitRun checkPlugin(const std::string& plugin, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {plugin, "--json"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return runKit(words);
}

}  // namespace ccp::test
