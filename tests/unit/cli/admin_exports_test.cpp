// `ccp admin exports`: what operators see of exporters, and what is asked of the server.
#include <doctest/doctest.h>

#include "tests/unit/cli/support.hpp"

namespace ccp::cli {
namespace {

using namespace test;

Json lane(const std::string& instance, const std::string& state, int failures) {
  return Json::object({{"instance", instance}, {"stream", "events"}, {"state", state}, {"configured", instance != "old"}, {"queued", 12},
                       {"oldest_at", "2027-01-15T07:00:00Z"}, {"sent", 340}, {"last_sequence", 340}, {"last_acknowledged_at", "2027-01-15T06:59:00Z"},
                       {"failures", failures}, {"next_attempt_at", failures > 0 ? Json("2027-01-15T08:30:00Z") : Json()},
                       {"last_error", failures > 0 || state == "disabled" ? "it answered 503" : ""}, {"last_error_at", nullptr}});
}

struct Operator : Person {
  Operator() {
    http.handler = [this](const net::HttpRequest& request) -> Result<net::HttpResponse> {
      if (request.url.ends_with("/retry")) return FakeHttp::json(200, Json::object({{"export", lanes.items().front()}}));
      if (request.url.ends_with("/discard")) return FakeHttp::json(200, Json::object({{"discarded", 12}}));
      return FakeHttp::json(200, Json::object({{"exports", lanes}}));
    };
  }
  Ran exports(std::vector<std::string> words) {
    const Variable operator_key("CCP_OPERATOR_KEY", "secret");
    words.insert(words.begin(), {"admin", "exports"});
    words.insert(words.end(), {"--server", "https://ccp.example"});
    return ccp(words);
  }
  Json lanes = Json::array({lane("warehouse", "active", 0)});
};

}  // namespace

TEST_CASE("the list is quiet while all is well, and exit code 1 while something needs an operator") {
  Operator op;
  auto ran = op.exports({"list"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(op.http.requests.back().url == "https://ccp.example/v1/admin/exports");
  CHECK(headerOf(op.http.requests.back(), "Authorization") == "Bearer secret");
  CHECK(ran.out.find("warehouse") != std::string::npos);
  CHECK(ran.out.find("340") != std::string::npos);

  op.lanes.push(lane("crm", "active", 3));
  op.lanes.push(lane("old", "disabled", 0));
  ran = op.exports({"list"});
  CHECK(ran.code == 1);
  CHECK(ran.out.find("failing") != std::string::npos);
  CHECK(ran.out.find("crm/events: it answered 503 (next attempt in") != std::string::npos);
  CHECK(ran.out.find("disabled (not configured)") != std::string::npos);
  ran = op.exports({"list", "--json"});
  CHECK(ran.code == 1);
  CHECK(ran.json()["exports"].size() == 3);
}

TEST_CASE("without an exporter the list says where to read on") {
  Operator op;
  op.lanes = Json::array();
  const auto ran = op.exports({"list"});
  CHECK(ran.code == 0);
  CHECK(ran.out.find("docs/guides/exports.md") != std::string::npos);
}

TEST_CASE("retry and discard name one stream of one exporter, and discarding needs a reason") {
  Operator op;
  auto ran = op.exports({"retry", "warehouse", "events"});
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(op.http.requests.back().method == "POST");
  CHECK(op.http.requests.back().url == "https://ccp.example/v1/admin/exports/warehouse/events/retry");
  CHECK(ran.out.find("12 records") != std::string::npos);
  CHECK(op.exports({"discard", "warehouse", "events"}).code == 2);
  ran = op.exports({"discard", "a/b", "events", "--reason", "it moved"});
  CHECK(ran.code == 0);
  CHECK(op.http.requests.back().url == "https://ccp.example/v1/admin/exports/a%2Fb/events/discard");
  CHECK(op.http.requests.back().body == R"({"reason":"it moved"})");
  CHECK(ran.out.find("Dropped 12 records") != std::string::npos);
}

}  // namespace ccp::cli
