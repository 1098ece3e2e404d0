// The architecture as rules that fail: who may include whom, where SQL and heavy headers may stand,
// which folders say what they are. docs/ARCHITECTURE.md shows the same table.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace fs = std::filesystem;

namespace {

const fs::path kRoot = CCP_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<fs::path> sources(const std::vector<std::string>& folders) {
  std::vector<fs::path> out;
  for (const auto& folder : folders) {
    if (!fs::exists(kRoot / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const auto extension = entry.path().extension();
      if (entry.is_regular_file() && (extension == ".cpp" || extension == ".hpp" || extension == ".h")) {
        out.push_back(fs::relative(entry.path(), kRoot));
      }
    }
  }
  return out;
}

/// What each room may include besides itself; architecture, section "Source layout".
const std::map<std::string, std::set<std::string>>& allowed() {
  static const std::set<std::string> floors{"core/base", "core/crypto", "core/config", "core/db", "core/net", "core/http", "core/plugin", "core/package", "policy/decision"};
  static const std::set<std::string> policy{"policy/decision", "policy/engine", "policy/schema", "policy/pack", "policy/distribution",
                                            "policy/evaluation", "policy/analysis", "policy/packs", "policy/runtime"};
  static const auto with = [](std::set<std::string> base, const std::set<std::string>& more) {
    base.insert(more.begin(), more.end());
    return base;
  };
  static const std::map<std::string, std::set<std::string>> table{
      {"core/base", {}},
      {"core/crypto", {"core/base"}},
      {"core/config", {"core/base", "core/crypto"}},
      {"core/db", {"core/base", "core/config"}},
      {"core/net", {"core/base"}},
      {"core/http", {"core/base", "core/config"}},
      {"core/package", {"core/base", "core/crypto", "ccp"}},
      {"core/isolation", {"core/base", "core/crypto", "core/package", "ccp"}},
      {"core/plugin", {"core/base", "core/crypto", "core/config", "core/db", "core/net", "core/package", "core/isolation", "ccp"}},
      {"core/identity", floors},
      {"core/licensing", with(floors, {"core/identity"})},
      {"core/billing", with(floors, {"core/identity", "core/licensing"})},
      {"core/usage", with(floors, {"core/identity", "core/licensing"})},
      {"core/metering", with(floors, {"core/licensing", "core/billing", "core/usage"})},
      {"core/exports", with(floors, {"core/identity", "core/licensing", "core/usage", "core/decisions"})},
      {"core/admin", with(floors, {"core/identity", "core/licensing", "core/billing", "core/usage"})},
      {"core/app", with(floors, {"core/identity", "core/licensing", "core/billing", "core/usage", "core/metering", "core/exports", "core/admin", "core/decisions", "core/policies", "policy/engine", "policy/pack", "policy/distribution", "policy/runtime"})},
      {"core/decisions", with(with(floors, {"core/identity", "core/licensing"}), policy)},
      {"core/policies", with(with(floors, {"core/identity", "core/licensing", "core/decisions"}), policy)},
      {"policy/decision", {"core/base"}},
      {"policy/engine", {"core/base"}},
      {"policy/schema", {"core/base", "policy/decision"}},
      {"policy/pack", {"core/base", "core/crypto", "policy/decision"}},
      {"policy/distribution", {"core/base", "core/crypto", "policy/decision", "policy/pack"}},
      {"policy/evaluation", {"core/base", "policy/decision", "policy/engine", "policy/schema", "policy/pack", "policy/distribution"}},
      {"policy/analysis", {"core/base", "policy/decision", "policy/engine", "policy/schema", "policy/pack", "policy/distribution", "policy/evaluation"}},
      {"policy/packs", {"core/base", "policy/decision", "policy/pack", "policy/distribution"}},
      {"policy/runtime", with(policy, {"core/base"})},
      {"cli", with(policy, {"core/base", "core/crypto", "core/net", "core/package", "ccp"})},
      {"sdk", {"ccp"}},
      {"sdk/conformance", {"core/base", "core/config", "core/crypto", "core/package", "core/isolation", "core/plugin", "core/licensing", "core/billing", "ccp"}},
      {"plugins", {"ccp"}},
  };
  return table;
}

std::string roomOf(const std::string& path) {
  const auto first = path.find('/');
  if (first == std::string::npos) return path;
  const auto top = path.substr(0, first);
  // The kit lies with the SDK, whose other files use nothing of the core.
  if (path.rfind("sdk/conformance/", 0) == 0) return "sdk/conformance";
  if (top != "core" && top != "policy") return top;
  const auto second = path.find('/', first + 1);
  return path.substr(0, second);
}

/// Quoted includes of a file, as written; relative ones resolved against its folder.
std::vector<std::string> projectIncludes(const fs::path& file) {
  static const std::regex pattern(R"(^\s*#\s*include\s*["<]((?:core|cli|sdk|plugins|policy|tests|ccp)/[^">]+|[^"/>]+\.hpp)[">])");
  std::vector<std::string> out;
  std::istringstream lines(read(kRoot / file));
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, pattern) && line.find('"') + line.find('<') != std::string::npos) {
      auto target = match[1].str();
      if (target.find('/') == std::string::npos) {
        if (line.find('"') == std::string::npos) continue;
        target = (file.parent_path() / target).string();
      }
      out.push_back(target);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("includes follow the arrows, and nothing else") {
  for (const auto& file : sources({"core", "cli", "sdk", "plugins", "policy"})) {
    const auto room = roomOf(file.string());
    const auto rule = allowed().find(room);
    CAPTURE(file.string());
    REQUIRE_MESSAGE(rule != allowed().end(), "the room is not in the table of tests/arch");
    for (const auto& include : projectIncludes(file)) {
      const auto target = roomOf(include);
      // A plugin may include its own folder only: plugins do not know each other.
      if (target == "plugins" && room == "plugins") {
        const auto own = file.string().substr(0, file.string().find('/', 8));
        CHECK_MESSAGE(include.starts_with(own), file.string(), " includes ", include);
        continue;
      }
      CHECK_MESSAGE((target == room || rule->second.count(target) == 1), file.string(), " includes ", include);
    }
  }
}

TEST_CASE("features reach each other through service.hpp and rules.hpp only") {
  const std::set<std::string> features{"core/identity", "core/licensing", "core/billing", "core/usage", "core/decisions", "core/policies"};
  for (const auto& file : sources({"core"})) {
    const auto room = roomOf(file.string());
    if (room == "core/app") continue;  // the roof builds the graph and sees everything
    for (const auto& include : projectIncludes(file)) {
      const auto target = roomOf(include);
      if (target == room || features.count(target) == 0) continue;
      const auto name = fs::path(include).filename().string();
      CHECK_MESSAGE((name == "service.hpp" || name == "rules.hpp"), file.string(), " includes ", include);
    }
  }
}

TEST_CASE("the conformance kit sees billing's rules, and nothing that needs a database") {
  const std::set<std::string> pure{"core/billing/rules.hpp", "core/billing/subscription_state.hpp", "core/licensing/rules.hpp",
                                   "core/plugin/facades/billing_json.hpp", "core/plugin/facades/billing_provider.hpp"};
  const std::set<std::string> rooms{"core/billing", "core/licensing", "core/plugin"};
  for (const auto& file : sources({"sdk"})) {
    for (const auto& include : projectIncludes(file)) {
      if (rooms.count(roomOf(include)) == 1) CHECK_MESSAGE(pure.count(include) == 1, file.string(), " includes ", include);
    }
  }
}

TEST_CASE("heavy third-party headers stand in .cpp files, each behind a header of ours") {
  static const std::regex heavy(R"(#\s*include\s*<(lua|simdjson|nlohmann/|soci|CLI/|yaml-cpp/|valijson/|prometheus/|boost/|libpq|sqlite3))");
  // Lua is the engine's own language: one private header of its room brings it in, and nobody else includes that.
  const fs::path lua("policy/engine/lua.hpp");
  for (const auto& file : sources({"core", "cli", "policy"})) {
    const auto includes = projectIncludes(file);
    const bool sees = std::find(includes.begin(), includes.end(), lua.string()) != includes.end();
    CHECK_MESSAGE((!sees || roomOf(file.string()) == "policy/engine"), file.string(), " includes ", lua.string());
    if (file.extension() == ".cpp" || file == lua) continue;
    CHECK_MESSAGE(!std::regex_search(read(kRoot / file), heavy), file.string());
  }
  CHECK(read(kRoot / "policy/engine/engine.hpp").find("policy/engine/") == std::string::npos);
}

TEST_CASE("of the front, sockets stand in core/http/loop.cpp and Beast in core/http/head_parser.cpp only") {
  static const std::regex server(R"(#\s*include\s*<Poco/Net/(HTTPServer|HTTPRequestHandler|TCPServer))");
  static const std::regex poco(R"(#\s*include\s*<Poco/Net/)");
  static const std::regex beast(R"(#\s*include\s*<boost/(beast|asio))");
  for (const auto& file : sources({"core", "cli"})) {
    const auto text = read(kRoot / file);
    CHECK_MESSAGE(!std::regex_search(text, server), file.string());  // ADR 23
    if (file != fs::path("core/http/head_parser.cpp")) CHECK_MESSAGE(!std::regex_search(text, beast), file.string());
    if (roomOf(file.string()) != "core/http" || file.filename().string().rfind("loop", 0) == 0 ||
        file.filename().string().rfind("tls_", 0) == 0)
      continue;
    CHECK_MESSAGE(!std::regex_search(text, poco), file.string());
  }
}

TEST_CASE("SQL stands in repositories and in the database floor only") {
  static const std::regex sql(R"re("\s*(select|insert into|update|delete from)\s)re", std::regex::icase);
  for (const auto& file : sources({"core"})) {
    const auto room = roomOf(file.string());
    const auto name = file.filename().string();
    if (room == "core/db" || name.find("repository") != std::string::npos) continue;
    CHECK_MESSAGE(!std::regex_search(read(kRoot / file), sql), file.string());
  }
}

TEST_CASE("rules are pure: no database, network, plugin, log or system clock") {
  static const std::regex impure(R"(core/db/|core/net/|core/http/|core/base/log|SystemClock|Random)");
  for (const auto& file : sources({"core"})) {
    const auto name = file.filename().string();
    if (name.rfind("rules", 0) != 0 && name.rfind("subscription_state", 0) != 0 && name.rfind("reminder_rules", 0) != 0 && name.rfind("money", 0) != 0) continue;
    std::smatch match;
    const auto text = read(kRoot / file);
    CHECK_MESSAGE(!std::regex_search(text, match, impure), file.string(), ": ", match.str());
  }
}

TEST_CASE("every room says what it is") {
  for (const auto& [bound_room, uses] : allowed()) {
    const auto& room = bound_room;  // clang 14 cannot capture a structured binding
    if (!fs::exists(kRoot / room)) continue;
    CHECK_MESSAGE(fs::exists(kRoot / room / "README.md"), room, " has no README.md");
  }
}

TEST_CASE("no file outgrows its room") {
  for (const auto& file : sources({"core", "cli", "sdk", "plugins", "policy"})) {
    const auto text = read(kRoot / file);
    const auto lines = std::count(text.begin(), text.end(), '\n');
    CHECK_MESSAGE(lines <= 700, file.string(), " has ", lines, " lines");
  }
}

TEST_CASE("banned calls do not appear") {
  static const std::regex banned(R"(\b(gets|strcpy|strcat|sprintf|vsprintf|std::system|tmpnam|rand|strtok)\s*\()");
  for (const auto& file : sources({"core", "cli", "plugins", "policy"})) {
    std::smatch match;
    const auto text = read(kRoot / file);
    if (std::regex_search(text, match, banned)) {
      // std::filesystem and SQL know words of the same name: only calls count.
      const auto before = match.position() > 0 ? text[static_cast<std::size_t>(match.position()) - 1] : ' ';
      CHECK_MESSAGE((before == '.' || before == ':' || before == '>'), file.string(), ": ", match.str());
    }
  }
}

TEST_CASE("docs/reference/errors.md is what the table of codes says") {
  std::string expected =
      "# Error codes\n\nGenerated from `core/base/error_codes.def` by `scripts/gen-errors`; do not edit.\n\n"
      "| Code | HTTP | Meaning | What to do |\n|---|---|---|---|\n";
  for (const auto& row : ccp::allErrors()) {
    expected += std::string("| `") + row.name + "` | " + std::to_string(row.http_status) + " | " + row.title + " | " + row.next_step + " |\n";
  }
  CHECK_MESSAGE(read(kRoot / "docs/reference/errors.md") == expected, "run scripts/gen-errors");
}
