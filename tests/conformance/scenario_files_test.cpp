// Stories and fixtures as files: what is wrong with one is told with its place.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "sdk/conformance/scenario/provider_api.hpp"
#include "sdk/conformance/scenario/story.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ccp;
using namespace ccp::kit;

namespace {

Json json(const char* text) { return parseJson(text).value(); }

const char* const kStory = R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z",
  "steps": [{"id": "buy", "at": "0d", "do": {"action": "purchase", "price": "solo-month", "quantity": 1}, "expect": {"state": "active"}},
            {"id": "later", "at": "1d12h", "do": {"action": "wait"}, "expect": [{"state": "active"}, {"state": "trial"}]}]})";

Scenario scenario(const test::TempDir& folder, const std::string& text) {
  std::ofstream(folder.path() + "/mine.json") << text;
  for (auto& each : scenariosIn(folder.path())) {
    if (each.story.name == "mine") return std::move(each);
  }
  return {};
}

std::string withStory(const std::string& rest) { return std::string("{\"story\": ") + kStory + ", " + rest + "}"; }

}  // namespace

TEST_CASE("every story of the kit reads, and each looks at the license") {
  CHECK(storyNames().size() == 21);
  const test::TempDir empty;
  for (const auto& each : scenariosIn(empty.path())) {
    CHECK(each.problem.find("there is no fixture") != std::string::npos);
  }
  for (const auto& name : storyNames()) {
    CAPTURE(name);
    std::ifstream file(std::string(CCP_SOURCE_DIR) + "/sdk/conformance/scenarios/" + name + ".json");
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto story = readStory(name, parseJson(text).value());
    REQUIRE_MESSAGE(story.has_value(), (story ? "" : story.error().detail));
    CHECK(!story->steps.back().expect.empty());
  }
}

TEST_CASE("times after the start are days and hours") {
  const Timestamp start = fromUnixSeconds(0);
  CHECK(*timeAfter(start, "0d") == start);
  CHECK(*timeAfter(start, "38d12h") == start + hours(38 * 24 + 12));
  CHECK(*timeAfter(start, "5h") == start + hours(5));
  for (const char* wrong : {"", "5", "d", "5m", "5h3d", "-1d", "1d ", "1d2", "9999999999d"}) {
    CAPTURE(std::string(wrong));
    CHECK(!timeAfter(start, wrong));
  }
}

TEST_CASE("what is wrong with a story is told with its place") {
  struct Row {
    const char *story, *says;
  };
  const Row rows[] = {
      {R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z", "steps": []})", "has no steps"},
      {R"({"title": "t", "settings": {"grace": 1}, "start": "2026-01-05T09:00:00Z", "steps": []})", "unknown member \"grace\""},
      {R"({"title": "t", "settings": {"on_dispute": "ask"}, "start": "2026-01-05T09:00:00Z", "steps": []})", "keep or suspend"},
      {R"({"title": "t", "settings": {}, "start": "yesterday", "steps": []})", ""},
      {R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z", "steps": [{"id": "a", "at": "0d", "do": {"action": "steal"}}]})", "story/steps/0/do has the unknown action \"steal\""},
      {R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z", "steps": [{"id": "a", "at": "0d", "do": {"action": "wait", "price": "x"}}]})", "wait takes no \"price\""},
      {R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z", "steps": [{"id": "a", "at": "1d", "do": {"action": "wait"}}, {"id": "a", "at": "2d", "do": {"action": "wait"}}]})", "the id of an earlier step"},
      {R"({"title": "t", "settings": {}, "start": "2026-01-05T09:00:00Z", "steps": [{"id": "a", "at": "1d", "do": {"action": "wait"}}, {"id": "b", "at": "1d", "do": {"action": "wait"}}]})", "not later than the step before"}};
  for (const auto& row : rows) {
    CAPTURE(std::string(row.story));
    const auto story = readStory("x", json(row.story));
    REQUIRE(!story);
    CHECK_MESSAGE(story.error().detail.find(row.says) != std::string::npos, story.error().detail);
  }
}

TEST_CASE("what is wrong with a fixture is told with its place") {
  const test::TempDir folder;
  struct Row {
    std::string file, says;
  };
  const Row rows[] = {{"{", ""},
                      {"{\"steps\": {}}", "no story of the kit is called mine"},
                      {withStory("\"steps\": {\"buy\": {}}"), "lacks the step \"later\""},
                      {withStory("\"steps\": {\"buy\": {}, \"later\": {}, \"more\": {}}"), "has the step \"more\""},
                      {withStory("\"steps\": {\"buy\": {\"delivery\": []}, \"later\": {}}"), "/steps/buy has the unknown member \"delivery\""},
                      {withStory("\"steps\": {\"buy\": {\"deliveries\": [{\"body\": {}}]}, \"later\": {}}"), "/steps/buy/deliveries/0 needs the text \"id\""},
                      {withStory("\"steps\": {\"buy\": {\"deliveries\": [{\"id\": \"e\"}]}, \"later\": {}}"), "needs \"body\" or \"text\""},
                      {withStory("\"steps\": {\"buy\": {\"deliveries\": [{\"id\": \"e\", \"body\": {}}]}, \"later\": {\"deliveries\": [{\"id\": \"e\", \"body\": {}}]}}"), "of an earlier delivery"},
                      {withStory("\"steps\": {\"buy\": {\"api\": [{\"method\": \"GET\"}]}, \"later\": {}}"), "/steps/buy/api/0 needs the text \"path\""}};
  for (const auto& row : rows) {
    CAPTURE(row.file);
    const auto read = scenario(folder, row.file);
    CHECK(!read.problem.empty());
    CHECK_MESSAGE(read.problem.find(row.says) != std::string::npos, read.problem);
  }
  CHECK(scenario(folder, withStory("\"steps\": {\"buy\": {}, \"later\": {}}")).problem.empty());
  CHECK(scenario(folder, withStory("\"unsupported\": \"cannot\"")).unsupported == "cannot");
}

TEST_CASE("the provider answers as it was at the step, the most exact query first") {
  const test::TempDir folder;
  const auto read = scenario(folder, withStory(R"("steps": {
    "buy": {"api": [{"method": "GET", "path": "/s/1", "body": 1}, {"method": "GET", "path": "/s", "query": {"customer": "a b"}, "body": "first"},
                    {"method": "GET", "path": "/s", "query": {"customer": "a b", "after": "x"}, "body": "second"}]},
    "later": {"api": [{"method": "GET", "path": "/s/1", "status": 410, "body": 2}, {"method": "GET", "path": "/s", "query": {"customer": "a b"}, "gone": true}]}})"));
  REQUIRE(read.problem.empty());
  ProviderApi api(read);
  const auto get = [&](const char* url) { return api.answer({"GET", url, "", {}}); };
  CHECK(get("https://p.example/s/1").body == "1");
  CHECK(get("https://p.example/s?limit=1&customer=a%20b").body == "\"first\"");
  CHECK(get("https://p.example/s?customer=a+b&after=x").body == "\"second\"");
  CHECK(api.unanswered().empty());
  CHECK(get("https://p.example/s?customer=c").status == 404);
  CHECK(api.answer({"POST", "https://p.example/s/1", "", {}}).status == 404);
  CHECK(api.unanswered().size() == 2);
  api.moveTo(1);
  CHECK(get("https://p.example/s/1").status == 410);
  CHECK(get("https://p.example/s?customer=a%20b").status == 404);
}

TEST_CASE("a provider's card names every price, the secret and the headers") {
  const char* const good = R"({"customer_id": "c", "catalog": {"solo-month": {}, "solo-full-month": {}, "team-month": {"price_id": "p"}},
    "signing": {"secret": "a/b", "signed": "{body}", "headers": {"x": "{hex}"}}})";
  const auto card = readProviderCard(json(good));
  REQUIRE(card);
  CHECK(card->catalog.at("team-month").price_id == "p");
  CHECK(card->key == "utf8");
  for (const char* wrong : {R"({})", R"({"customer_id": "c", "catalog": {}, "signing": {}})",
                            R"({"customer_id": "c", "catalog": {"solo-month": {}, "solo-full-month": {}, "team-month": {}}, "signing": {"secret": "s", "key": "hex", "signed": "", "headers": {"x": ""}}})",
                            R"({"customer_id": "c", "catalog": {"solo-month": {}, "solo-full-month": {}, "team-month": {}}, "signing": {"secret": "s", "signed": ""}})"}) {
    CAPTURE(std::string(wrong));
    CHECK(!readProviderCard(json(wrong)));
  }
}
