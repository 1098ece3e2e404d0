// `ccp plugin new`: what it writes for every language and interface, and what it refuses. That the projects
// build, pass their tests and the kit: tests/e2e/sdk.test.mjs.
#include <doctest/doctest.h>

#include <regex>
#include <set>

#include "core/base/file.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

std::set<std::string> filesOf(const std::string& folder) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) out.insert(std::filesystem::relative(entry.path(), folder).string());
  }
  return out;
}

}  // namespace

TEST_CASE("each of the 15 projects is complete, consistent, and holds no placeholder") {
  Person person;
  TempDir dir;
  for (const std::string language : {"cpp", "c", "rust"}) {
    for (const std::string word : {"billing", "identity", "notifier", "exporter", "inbound"}) {
      CAPTURE(language);
      CAPTURE(word);
      const std::string folder = dir / (language + "-" + word);
      const auto run = person.ccp({"plugin", "new", "my-" + word, "--interface", word, "--language", language, "--id", "acme.my-" + word, "--dir", folder});
      REQUIRE_MESSAGE(run.code == 0, run.err);
      const std::string extension = language == "rust" ? "rs" : language;
      std::set<std::string> expected{".gitignore", "CMakeLists.txt", "Makefile", "README.md", "plugin.json", "schemas/config.json", "plugin." + extension};
      if (language != "rust") expected.insert("test." + extension);
      CHECK(filesOf(folder) == expected);
      for (const auto& file : expected) {
        CAPTURE(file);
        const std::string text = *readFile(folder + "/" + file);
        CHECK(text.back() == '\n');
        CHECK_FALSE(std::regex_search(text, std::regex("@[A-Z]+@")));
      }
      const Json manifest = *parseJson(*readFile(folder + "/plugin.json"));
      CHECK(manifest.strOr("id") == "acme.my-" + word);
      CHECK(manifest["provides"].items().at(0) == Json("ccp." + word + "/1"));
      // The folder that the server looks for when ccp.yaml names the id.
      CHECK(readFile(folder + "/CMakeLists.txt")->find("ccp_add_plugin(acme_my_" + word + " ") != std::string::npos);
      CHECK(readFile(folder + "/Makefile")->find("build/plugins/acme_my_" + word + "\n") != std::string::npos);
      REQUIRE(parseJson(*readFile(folder + "/schemas/config.json")).has_value());
    }
  }
}

TEST_CASE("without --id the plugin is a local one, and the command says so") {
  Person person;
  TempDir dir;
  const auto run = person.ccp({"plugin", "new", "chat", "--interface", "notifier", "--dir", dir / "chat"});
  CHECK(run.code == 0);
  CHECK(readFile(dir / "chat/plugin.json")->find("\"id\": \"local.chat\"") != std::string::npos);
  CHECK(run.err.find("--id") != std::string::npos);
}

TEST_CASE("nothing is overwritten, an empty folder may be used") {
  Person person;
  TempDir dir;
  std::filesystem::create_directories(dir / "empty");
  CHECK(person.ccp({"plugin", "new", "chat", "--interface", "notifier", "--dir", dir / "empty"}).code == 0);
  const auto before = *readFile(dir / "empty/plugin.cpp");
  const auto again = person.ccp({"plugin", "new", "chat", "--interface", "billing", "--dir", dir / "empty"});
  CHECK(again.code != 0);
  CHECK(again.err.find("already_exists") != std::string::npos);
  CHECK(again.err.find("--dir") != std::string::npos);
  CHECK(*readFile(dir / "empty/plugin.cpp") == before);
  dir.write("file", "x");
  CHECK(person.ccp({"plugin", "new", "chat", "--interface", "notifier", "--dir", dir / "file"}).code != 0);
}

TEST_CASE("names that cannot become folders, ids and targets are refused before anything is written") {
  Person person;
  TempDir dir;
  const auto refused = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"plugin", "new"});
    arguments.insert(arguments.end(), {"--dir", dir / "out"});
    const auto run = person.ccp(arguments);
    CHECK_MESSAGE(run.code == 2, run.out, run.err);
    CHECK_FALSE(std::filesystem::exists(dir / "out"));
    return run.err;
  };
  for (const char* name : {"Chat", "1chat", "-chat", "chat-", "a b", "../x", "", "a.b", "ch\xC3\xA4t"}) refused({name, "--interface", "notifier"});
  refused({std::string(41, 'a'), "--interface", "notifier"});
  for (const char* id : {"chat", "acme.", ".chat", "acme..chat", "Acme.chat", "acme.1chat", "acme/chat", "acme.chat-"}) refused({"chat", "--interface", "notifier", "--id", id});
  CHECK(refused({"chat", "--interface", "notifier", "--id", "ccp.chat"}).find("vendor") != std::string::npos);
  CHECK(refused({"chat", "--interface", "notifier", "--id", "edit.cache"}).find("CMake") != std::string::npos);
  refused({"chat", "--interface", "storage"});
  refused({"chat", "--interface", "notifier", "--language", "perl"});
  refused({"chat"});
}

TEST_CASE("programs get folder, package and files as JSON") {
  Person person;
  TempDir dir;
  const auto run = person.ccp({"plugin", "new", "chat", "--interface", "notifier", "--language", "rust", "--id", "acme.team-chat", "--dir", dir / "chat", "--json"});
  REQUIRE(run.code == 0);
  const Json said = *parseJson(run.out);
  CHECK(said.strOr("id") == "acme.team-chat");
  CHECK(said.strOr("package") == (dir / "chat") + "/build/plugins/acme_team_chat");
  CHECK(said["files"].size() == 7);
}

}  // namespace ccp::cli
