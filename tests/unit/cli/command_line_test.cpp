// Parsing, help, usage errors and completion: all from one tree.
#include <doctest/doctest.h>

#include <cstdio>
#include <set>

#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

const std::vector<std::vector<std::string>> kCommands{{"login"},
                                                      {"logout"},
                                                      {"whoami"},
                                                      {"status"},
                                                      {"doctor"},
                                                      {"plan"},
                                                      {"upgrade"},
                                                      {"import"},
                                                      {"usage"},
                                                      {"export", "rollups"},
                                                      {"policy", "new"},
                                                      {"policy", "lint"},
                                                      {"policy", "test"},
                                                      {"policy", "eval"},
                                                      {"policy", "matrix"},
                                                      {"policy", "diff"},
                                                      {"policy", "stubs"},
                                                      {"policy", "keygen"},
                                                      {"policy", "sign"},
                                                      {"policy", "verify"},
                                                      {"policy", "root", "init"},
                                                      {"policy", "root", "rotate"},
                                                      {"policy", "root", "sign"},
                                                      {"policy", "root", "show"},
                                                      {"plugin", "keygen"},
                                                      {"plugin", "sign"},
                                                      {"plugin", "verify"},
                                                      {"plugin", "trust", "add"},
                                                      {"plugin", "trust", "list"},
                                                      {"plugin", "trust", "revoke"},
                                                      {"plugin", "trust", "rollback"},
                                                      {"admin", "org", "create"},
                                                      {"admin", "org", "list"},
                                                      {"admin", "license", "show"},
                                                      {"admin", "license", "suspend"},
                                                      {"admin", "license", "resume"},
                                                      {"admin", "license", "revoke"},
                                                      {"admin", "exports", "list"},
                                                      {"admin", "exports", "retry"},
                                                      {"admin", "exports", "discard"},
                                                      {"completion"},
                                                      {"version"},
                                                      {"help"}};

std::string shellOutput(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (const auto n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  CHECK(::pclose(pipe) == 0);
  return out;
}

}  // namespace

TEST_CASE("every command has help, by --help and by ccp help") {
  Person person;
  for (const auto& words : kCommands) {
    auto by_option = words, by_command = words;
    by_option.emplace_back("--help");
    by_command.insert(by_command.begin(), "help");
    const auto one = person.ccp(by_option), two = person.ccp(by_command);
    CAPTURE(words.back());
    CHECK(one.code == 0);
    CHECK(two.code == 0);
    CHECK(one.out == two.out);
    std::string path = "ccp";
    for (const auto& word : words) path += " " + word;
    CHECK(one.out.find("Usage: " + path + " [") != std::string::npos);
    CHECK(one.out.find("--json") != std::string::npos);
  }
  const auto overview = person.ccp({"help"});
  for (const auto& words : kCommands)
    CHECK(overview.out.find("\n  " + words.front()) != std::string::npos);
  CHECK(overview.out.find("\n  dev") == std::string::npos);
  CHECK(overview.out.find("Exit codes") != std::string::npos);
}

TEST_CASE("a wrong command line is exit code 2, as JSON when asked") {
  Person person;
  for (const auto& words : std::vector<std::vector<std::string>>{{"nonsense"},
                                                                 {"usage", "--by", "week"},
                                                                 {"usage", "--no-such"},
                                                                 {"plugin", "keygen"},
                                                      {"admin", "org", "create"},
                                                                 {"completion", "tcsh"},
                                                                 {"upgrade", "--quantity", "0"},
                                                                 {"help", "nonsense"}}) {
    CAPTURE(words.back());
    auto json = words;
    json.emplace_back("--json");
    const auto text = person.ccp(words), machine = person.ccp(json);
    CHECK(text.code == 2);
    CHECK(text.out.empty());
    CHECK(text.err.find("Next:") != std::string::npos);
    CHECK(machine.code == 2);
    CHECK(machine.json()["error"].strOr("code") == "usage_error");
  }
  CHECK(person.ccp({}).code == 2);
  CHECK(person.ccp({"admin", "org"}).code == 2);
}

TEST_CASE("options of every command stand before or after its name") {
  Person person;
  CHECK(person.ccp({"--json", "version"}).json().strOr("version") == CCP_VERSION);
  CHECK(person.ccp({"version", "--json"}).json().strOr("name") == "ccp");
  CHECK(person.ccp({"--version"}).out == "ccp " CCP_VERSION "\n");
}

TEST_CASE("without a login, commands that need one say so with exit code 6") {
  Person person;
  for (const char* command : {"whoami", "status", "plan", "upgrade"}) {
    CAPTURE(command);
    const auto ran = person.ccp({command, "--json"});
    CHECK(ran.code == 6);
    CHECK(ran.json()["error"].strOr("code") == "not_logged_in");
  }
}

TEST_CASE("a server address that would send tokens in the clear is refused") {
  Person person;
  for (const char* server : {"http://ccp.acme.dev", "http://127.evil.example", "ftp://x"}) {
    CAPTURE(server);
    CHECK(person.ccp({"login", "--server", server}).code == 2);
  }
  CHECK(person.http.requests.empty());
}

TEST_CASE("completions offer every command, option and shell loads them") {
  Person person;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto ran = person.ccp({"completion", shell});
    CAPTURE(shell);
    REQUIRE(ran.code == 0);
    for (const auto& words : kCommands) {
      for (const auto& word : words) CHECK(ran.out.find(word) != std::string::npos);
    }
    CHECK(ran.out.find("timezone") != std::string::npos);
    CHECK(ran.out.find("sample-transcripts") == std::string::npos);
  }
}

TEST_CASE("bash completes what it is asked") {
  Person person;
  const auto script = person.home.write("completion.bash", person.ccp({"completion", "bash"}).out);
  const auto complete = [&](const std::string& words, int at) {
    return shellOutput("bash -c 'source " + script + "; COMP_WORDS=(" + words +
                       "); COMP_CWORD=" + std::to_string(at) + "; _ccp; echo ${COMPREPLY[@]}'");
  };
  CHECK(complete("ccp log", 1) == "login logout\n");
  CHECK(complete("ccp admin li", 2) == "license\n");
  CHECK(complete("ccp admin license s", 3) == "show suspend\n");
  CHECK(complete("ccp usage --ti", 2) == "--timezone\n");
  CHECK(complete("ccp usage --js", 2) == "--json\n");
  CHECK(complete("ccp policy st", 2).starts_with("stubs"));
  CHECK(complete("ccp policy root s", 3) == "sign show\n");
  CHECK(complete("ccp policy test packs/team --cov", 4) == "--coverage\n");
  CHECK(complete("ccp --server https://x policy li", 4) == "lint\n");
}

}  // namespace ccp::cli
