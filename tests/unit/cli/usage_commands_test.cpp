// ccp import, usage and export rollups as a person runs them, against a scripted server.
#include <doctest/doctest.h>

#include "cli/support/profile.hpp"
#include "cli/support/wait.hpp"
#include "core/crypto/dpop.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

/// Waiting advances the clock and nothing else.
class NoSleep {
 public:
  explicit NoSleep(Person& person) : before_(waiter()) {
    waiter() = [this, &person](Duration d) {
      waits.push_back(d);
      person.clock.advance(d);
    };
  }
  ~NoSleep() { waiter() = before_; }
  std::vector<Duration> waits;

 private:
  std::function<void(Duration)> before_;
};

void logIn(Person& person) {
  std::ostringstream sink;
  const Context context{
      person.home / "ccp", person.home / "ccp", {},   false, false, false, false, person.http,
      person.clock,        person.random,       sink, sink};
  const Profile profile(context);
  REQUIRE(profile.prepare().has_value());
  REQUIRE(profile.deviceKey(true).has_value());
  Session session;
  session.server = "http://127.0.0.1:1";
  session.product_id = "acme";
  session.access_token = "access-1";
  session.refresh_token = "refresh-1";
  session.access_expires_at = person.clock.now() + hours(1);
  REQUIRE(profile.save(session).has_value());
}

/// `hours` hours with one response each.
void importHours(Person& person, int hours) {
  std::string text;
  for (int i = 0; i < hours; ++i) {
    text += usageLine(
        std::to_string(i),
        formatRfc3339(parseRfc3339("2026-02-10T00:00:00Z").value() + seconds(3600) * i), 1, 2);
  }
  person.home.write("claude/projects/p/s.jsonl", text);
  REQUIRE(person.ccp({"import", person.home / "claude"}).code == 0);
}

net::HttpResponse acceptAll(const net::HttpRequest& request) {
  const auto body = parseJson(request.body).value();
  Json results = Json::array();
  for (std::size_t i = 0; i < body["rollups"].size(); ++i)
    results.push(Json::object({{"index", i}, {"status", "accepted"}}));
  return FakeHttp::json(
      200, Json::object({{"results", std::move(results)}, {"accepted", body["rollups"].size()}}));
}

bool isIngest(const net::HttpRequest& request) {
  return request.url.ends_with("/v1/ingest/rollups");
}

std::int64_t ingestCalls(const Person& person) {
  return std::count_if(person.http.requests.begin(), person.http.requests.end(), isIngest);
}

}  // namespace

TEST_CASE("import tells what it read, and reads unchanged files once") {
  Person person;
  person.home.write("claude/projects/p/s.jsonl", usageLine("a", "2026-02-10T10:00:00Z", 1, 2) +
                                                     "{\"cut\n" +
                                                     usageLine("a", "2026-02-10T10:00:00Z", 1, 2));
  const auto first = person.ccp({"import", person.home / "claude", "--json"});
  CHECK(first.code == 0);
  CHECK(first.json().intOr("files_read") == 1);
  CHECK(first.json().intOr("new_responses") == 1);
  CHECK(first.json().intOr("malformed_lines") == 1);
  CHECK(first.json().intOr("rollups") == 1);
  const auto again = person.ccp({"import", person.home / "claude", "--json"});
  CHECK(again.json().intOr("files_read", -1) == 0);
  CHECK(again.json().intOr("files_unchanged") == 1);
  const auto all = person.ccp({"import", person.home / "claude", "--all", "--json"});
  CHECK(all.json().intOr("files_read") == 1);
  CHECK(all.json().intOr("new_responses", -1) == 0);
}

TEST_CASE("import without transcripts says where to look") {
  Person person;
  const auto ran = person.ccp({"import", "--json"});
  CHECK(ran.code == 1);
  CHECK(ran.json()["error"].strOr("code") == "not_found");
  CHECK(ran.json()["error"].strOr("next_step").find("ccp import DIR") != std::string::npos);
}

TEST_CASE("import finds the usual places by itself") {
  Person person;
  person.home.write(".claude/projects/p/s.jsonl", usageLine("a", "2026-02-10T10:00:00Z", 1, 2));
  person.home.write(".config/claude/projects/p/t.jsonl",
                    usageLine("b", "2026-02-10T10:00:00Z", 1, 2));
  const Variable xdg("XDG_CONFIG_HOME", std::nullopt);
  CHECK(person.ccp({"import", "--json"}).json().intOr("responses") == 2);
}

TEST_CASE("usage groups by day of the zone, by model, or both") {
  Person person;
  const Variable tz("TZ", "UTC0");
  person.home.write("c/s.jsonl",
                    usageLine("a", "2026-02-10T23:30:00Z", 1, 2) +
                        usageLine("b", "2026-02-11T01:00:00Z", 10, 20, "", "claude-haiku-4-5"));
  REQUIRE(person.ccp({"import", person.home / "c"}).code == 0);
  const auto both = person.ccp({"usage", "--json"}).json();
  REQUIRE(both["rows"].size() == 2);
  CHECK(both["rows"].items()[0].strOr("day") == "2026-02-10");
  CHECK(both["totals"].intOr("input_tokens") == 11);
  CHECK(both["totals"].intOr("total_tokens") == 33);
  CHECK(both["totals"]["cost_microusd"].isNull());
  CHECK(both.intOr("rollups") == 2);
  const auto berlin =
      person.ccp({"usage", "--by", "day", "--timezone", "Europe/Berlin", "--json"}).json();
  REQUIRE(berlin["rows"].size() == 1);
  CHECK(berlin["rows"].items()[0].strOr("day") == "2026-02-11");
  CHECK(person.ccp({"usage", "--until", "2026-02-10", "--json"})
            .json()["totals"]
            .intOr("input_tokens") == 1);
  CHECK(person.ccp({"usage", "--since", "20260211", "--json"})
            .json()["totals"]
            .intOr("input_tokens") == 10);
  CHECK(person.ccp({"usage", "--by", "model", "--csv"}).out ==
        "model,requests,errors,input_tokens,output_tokens,cache_write_tokens,cache_read_tokens,"
        "total_tokens,cost_microusd\r\n"
        "claude-haiku-4-5,1,0,10,20,0,0,30,\r\nclaude-opus-4-6,1,0,1,2,0,0,3,\r\n");
  const auto table = person.ccp({"usage", "--by", "model"});
  CHECK(table.out.find("Cost") == std::string::npos);  // never invented
  CHECK(
      table.out.find("Total                    2     11      22            0           0     33") !=
      std::string::npos);
  CHECK(person.ccp({"usage", "--timezone", "Mars/Olympus"}).code == 2);
}

TEST_CASE("export needs a login") {
  Person person;
  const auto ran = person.ccp({"export", "rollups", "--json"});
  CHECK(ran.code == 6);
  CHECK(ran.json()["error"].strOr("code") == "not_logged_in");
}

TEST_CASE("export sends hours in batches with token and proof, and only once") {
  Person person;
  const NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 1001);
  CHECK(person.ccp({"export", "rollups", "--dry-run", "--json"}).json().intOr("pending") == 1001);
  CHECK(ingestCalls(person) == 0);
  person.http.handler = [](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    return acceptAll(request);
  };
  const auto ran = person.ccp({"export", "rollups", "--json"});
  CHECK(ran.code == 0);
  CHECK(ran.json().intOr("accepted") == 1001);
  REQUIRE(ingestCalls(person) == 3);
  const auto& request = person.http.requests.front();
  CHECK(headerOf(request, "Authorization") == "DPoP access-1");
  crypto::DpopExpectation expected;
  expected.method = "POST";
  expected.url = "http://127.0.0.1:1/v1/ingest/rollups";
  expected.now = person.clock.now();
  expected.access_token = "access-1";
  CHECK(crypto::verifyDpopProof(headerOf(request, "DPoP"), expected).has_value());
  const auto first = parseJson(request.body).value()["rollups"].items().front();
  CHECK(parseJson(request.body).value()["rollups"].size() == 500);
  CHECK(first.strOr("period") == "hour");
  CHECK(first.strOr("start_at") == "2026-02-10T00:00:00Z");
  CHECK(first.strOr("lane") == "anthropic");
  CHECK(first.intOr("revision") == 1);
  CHECK(first.find("cost_microusd") == nullptr);
  CHECK(person.ccp({"export", "rollups", "--json"}).json().intOr("pending", -1) == 0);
  CHECK(ingestCalls(person) == 3);
}

TEST_CASE("export comes back after 429, 503 and a broken connection, as the server asks") {
  Person person;
  NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 2);
  int calls = 0;
  person.http.handler = [&](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    if (!isIngest(request)) return FakeHttp::json(404, Json::object({{"code", "not_found"}}));
    switch (++calls) {
      case 1:
        return FakeHttp::json(429, Json::object({{"code", "rate_limited"}}),
                              {{"Retry-After", "7"}});
      case 2:
        return FakeHttp::json(503, Json::object({{"code", "unavailable"}}));
      case 3:
        return fail(Errc::unreachable, "connection reset");
      case 4:
        return net::HttpResponse{502, {}, "<html>bad gateway</html>"};
      default:
        return acceptAll(request);
    }
  };
  const auto ran = person.ccp({"export", "rollups", "--json"});
  CHECK(ran.code == 0);
  CHECK(ran.json().intOr("accepted") == 2);
  REQUIRE(no_sleep.waits.size() == 4);
  CHECK(no_sleep.waits[0] >= seconds(7));
  for (const auto wait : no_sleep.waits) CHECK(wait > Duration(0));
}

TEST_CASE("an interrupted export goes on where it was") {
  Person person;
  const NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 700);
  int calls = 0;
  person.http.handler = [&](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    if (isIngest(request) && ++calls == 1) return acceptAll(request);
    return fail(Errc::unreachable, "the network is gone");
  };
  const auto broken = person.ccp({"export", "rollups", "--json"});
  CHECK(broken.code == 4);
  CHECK(broken.json()["error"].strOr("detail").find("500 of 700") != std::string::npos);
  person.http.handler = [](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    return acceptAll(request);
  };
  CHECK(person.ccp({"export", "rollups", "--json"}).json().intOr("sent") == 200);
}

TEST_CASE(
    "refused blocks are reported with their reasons, and a conflict is sent again on request") {
  Person person;
  const NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 3);
  person.http.handler = [](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    if (!isIngest(request)) return fail(Errc::unreachable, "nothing else here");
    return FakeHttp::json(
        200,
        *parseJson(
            R"({"results":[{"index":0,"status":"accepted"},{"index":1,"status":"conflict","code":"revision_conflict","detail":"other numbers"},
                                             {"index":2,"status":"rejected","code":"invalid","detail":"start_at lies in the future"}]})"));
  };
  const auto ran = person.ccp({"export", "rollups", "--json"});
  CHECK(ran.code == 1);
  CHECK(ran.json().intOr("conflict") == 1);
  REQUIRE(ran.json()["refused"].size() == 2);
  CHECK(ran.json()["refused"].items()[1].strOr("detail") == "start_at lies in the future");
  CHECK(person.ccp({"export", "rollups", "--dry-run", "--json"}).json().intOr("pending", -1) == 0);
  person.http.handler = [](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    return acceptAll(request);
  };
  const auto replaced = person.ccp({"export", "rollups", "--replace", "--json"});
  CHECK(replaced.json().intOr("sent") == 1);
  const auto sent =
      std::find_if(person.http.requests.rbegin(), person.http.requests.rend(), isIngest);
  CHECK(parseJson(sent->body).value()["rollups"].items().front().intOr("revision") == 2);
}

TEST_CASE("an answer that leaves blocks out is not taken for all") {
  Person person;
  const NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 2);
  person.http.handler = [](const net::HttpRequest&) -> Result<net::HttpResponse> {
    return FakeHttp::json(200, *parseJson(R"({"results":[{"index":0,"status":"accepted"}]})"));
  };
  CHECK(person.ccp({"export", "rollups", "--json"}).code == 1);
  CHECK(person.ccp({"export", "rollups", "--dry-run", "--json"}).json().intOr("pending") == 2);
}

TEST_CASE("a refused token is renewed once, with the refresh token and a proof") {
  Person person;
  const NoSleep no_sleep(person);
  logIn(person);
  importHours(person, 1);
  int refreshed = 0;
  person.http.handler = [&](const net::HttpRequest& request) -> Result<net::HttpResponse> {
    if (request.url.ends_with("/oauth/token")) {
      ++refreshed;
      CHECK(request.body.find("refresh_token=refresh-1") != std::string::npos);
      CHECK_FALSE(headerOf(request, "DPoP").empty());
      return FakeHttp::json(
          200,
          *parseJson(
              R"({"access_token":"access-2","token_type":"DPoP","expires_in":900,"refresh_token":"refresh-2"})"));
    }
    if (headerOf(request, "Authorization") == "DPoP access-1")
      return FakeHttp::json(401, *parseJson(R"({"code":"token_expired","detail":"old"})"));
    return acceptAll(request);
  };
  CHECK(person.ccp({"export", "rollups", "--json"}).code == 0);
  CHECK(refreshed == 1);
}

TEST_CASE("the made-up sample is the same for the same seed, and imports") {
  Person person;
  const std::vector<std::string> options{"--days", "3", "--now", "2026-11-21T05:40:00Z", "--json"};
  for (const char* place : {"one", "two"}) {
    std::vector<std::string> arguments{"dev", "sample-transcripts", person.home / place};
    arguments.insert(arguments.end(), options.begin(), options.end());
    REQUIRE(person.ccp(arguments).code == 0);
  }
  const auto first = person.ccp({"import", person.home / "one", "--json"}).json();
  CHECK(first.intOr("responses") > 50);
  CHECK(first.intOr("disqualified_lines", -1) == 0);
  CHECK(person.ccp({"import", person.home / "two", "--json"}).json().intOr("new_responses", -1) ==
        0);
}

}  // namespace ccp::cli
