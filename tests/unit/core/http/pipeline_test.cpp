#include <doctest/doctest.h>

#include <mutex>
#include <stdexcept>

#include "core/base/log.hpp"
#include "core/http/assets.hpp"
#include "core/http/csrf.hpp"
#include "core/http/pipeline.hpp"
#include "tests/support/fakes.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

class FakeAuthenticator final : public Authenticator {
 public:
  Result<Principal> authenticate(const Request& request, Auth) override {
    if (request.headers.get("Authorization") == "good") {
      Principal principal;
      principal.kind = PrincipalKind::access_token;
      principal.user = "usr_1";
      principal.org = "org_1";
      return principal;
    }
    return fail(Errc::unauthenticated, "no credential");
  }
  std::optional<Result<Principal>> fromMemory(const Request& request, Auth demanded) override {
    if (!knows) return std::nullopt;
    return authenticate(request, demanded);
  }
  bool knows = false;
};

struct World {
  test::FakeClock clock;
  test::SeededRandom random;
  Metrics metrics;
  Router router;
  FakeAuthenticator authenticator;
  MemoryIdempotencyStore idempotency;
  PipelineOptions options = {.public_url = "http://localhost:8787"};
  std::vector<std::string> log_lines;

  World() {
    log::setSink([this](std::string_view line) { log_lines.emplace_back(line); });
  }
  ~World() { log::setSink({}); }

  Response send(std::string method, std::string target, std::string body = {},
                std::vector<std::pair<std::string, std::string>> headers = {}) {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!body.empty() || method == "POST")
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    auto head = parseHead(text + "\r\n");
    REQUIRE(head);
    Pipeline pipeline(options, {router, &authenticator, &idempotency, metrics, clock, random});
    auto admission = pipeline.admit(std::move(*head), "127.0.0.1");
    let_in = std::holds_alternative<Ticket>(admission);
    if (!let_in) return std::get<Response>(std::move(admission));
    auto& ticket = std::get<Ticket>(admission);
    on_loop = false;
    if (ticket.on_loop) {
      if (auto response = pipeline.handleOnLoop(ticket, body)) {
        on_loop = true;
        return std::move(*response);
      }
    }
    auto response = pipeline.handle(ticket, std::move(body));
    for (; response.parking && rings > 0; --rings)
      response = pipeline.resume(ticket, *std::shared_ptr(response.parking));
    return response.parking ? pipeline.settle(ticket, std::move(response)) : response;
  }
  bool let_in = false;   ///< the last request got a ticket: its body would have been read
  bool on_loop = false;  ///< the last request was answered on the loop
  int rings = 0;         ///< how often a parked request is woken before its time is over
};

std::string codeOf(const Response& response) {
  const auto body = parseJson(response.body);
  return body ? body->strOr("code") : "(no JSON)";
}

}  // namespace

TEST_CASE(
    "an answer carries request id and security headers, and is not cached unless it says so") {
  World world;
  world.router.get("/x", {}, [](const Request&) -> Result<Response> {
    return Response::json(Json::object({{"ok", true}}));
  });
  world.router.get("/cached", {}, [](const Request&) -> Result<Response> {
    return std::move(Response::text("a").header("Cache-Control", "public"));
  });
  const auto response = world.send("GET", "/x");
  CHECK(response.status == 200);
  CHECK(isId(response.headers.get("X-Request-Id"), "req"));
  CHECK(response.headers.get("X-Content-Type-Options") == "nosniff");
  CHECK(response.headers.get("Cache-Control") == "no-store");
  CHECK(response.headers.has("Referrer-Policy"));
  CHECK_FALSE(response.headers.has("Strict-Transport-Security"));
  CHECK(world.send("GET", "/cached").headers.get("Cache-Control") == "public");
}

TEST_CASE("a request id is taken over from a trusted proxy only") {
  World world;
  world.router.get("/x", {}, [](const Request&) -> Result<Response> { return Response::empty(); });
  CHECK(world.send("GET", "/x", "", {{"X-Request-Id", "abc-1"}}).headers.get("X-Request-Id") !=
        "abc-1");
  world.options.trusted_proxies = TrustedProxies::parse({"127.0.0.1"}).value();
  CHECK(world.send("GET", "/x", "", {{"X-Request-Id", "abc-1"}}).headers.get("X-Request-Id") ==
        "abc-1");
  CHECK(isId(world.send("GET", "/x", "", {{"X-Request-Id", "a b"}}).headers.get("X-Request-Id"),
             "req"));
}

TEST_CASE("whatever a handler throws becomes a problem without its details") {
  World world;
  world.router.get("/std", {}, [](const Request&) -> Result<Response> {
    throw std::runtime_error("secret detail");
  });
  world.router.get("/int", {}, [](const Request&) -> Result<Response> { throw 7; });
  world.router.get("/error", {}, [](const Request&) -> Result<Response> {
    return fail(Errc::plan_required, "needs team");
  });
  for (const char* path : {"/std", "/int"}) {
    CAPTURE(path);
    const auto response = world.send("GET", path);
    CHECK(response.status == 500);
    CHECK(codeOf(response) == "internal");
    CHECK(response.body.find("secret detail") == std::string::npos);
    CHECK(parseJson(response.body)->strOr("request_id") == response.headers.get("X-Request-Id"));
  }
  CHECK(world.log_lines.at(0).find("secret detail") != std::string::npos);
  CHECK(world.send("GET", "/error").status == 402);
}

TEST_CASE("the log line names the pattern, never the raw path or query") {
  World world;
  world.router.get("/codes/{code}", {},
                   [](const Request&) -> Result<Response> { return Response::empty(); });
  world.send("GET", "/codes/sesame?also=hush");
  REQUIRE(world.log_lines.size() == 1);
  const auto line = parseJson(world.log_lines[0]);
  REQUIRE(line);
  CHECK(line->strOr("event") == "http.request");
  CHECK(line->strOr("route") == "/codes/{code}");
  CHECK(line->intOr("status") == 204);
  CHECK(line->strOr("principal") == "anonymous");
  CHECK(world.log_lines[0].find("sesame") == std::string::npos);
  CHECK(world.log_lines[0].find("hush") == std::string::npos);
  CHECK(world.metrics.text().find("route=\"/codes/{code}\"") != std::string::npos);
}

TEST_CASE("404, 405 with Allow, 413 and 415 come before the body is read") {
  World world;
  RouteOptions options;
  options.content_types = {"application/json"};
  options.max_body = 10;
  world.router.post("/x", options,
                    [](const Request& r) -> Result<Response> { return Response::text(r.body); });
  CHECK(codeOf(world.send("GET", "/nowhere")) == "not_found");
  const auto wrong = world.send("GET", "/x");
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.get("Allow") == "POST");
  CHECK(codeOf(world.send("POST", "/x", std::string(11, 'a'),
                          {{"Content-Type", "application/json"}})) == "body_too_large");
  CHECK_FALSE(world.let_in);
  CHECK(codeOf(world.send("POST", "/x", "a=1", {{"Content-Type", "text/plain"}})) ==
        "unsupported_media_type");
  CHECK(codeOf(world.send("POST", "/x", "a=1")) == "unsupported_media_type");
  CHECK_FALSE(world.let_in);
  CHECK(world.send("POST", "/x", "12345", {{"Content-Type", "application/json; charset=utf-8"}})
            .body == "12345");
}

TEST_CASE("a demanded credential is checked before the handler is called, and 401 says how to log in") {
  World world;
  RouteOptions options;
  options.auth = Auth::client;
  world.router.post("/x", options, [](const Request& r) -> Result<Response> {
    return Response::text(r.principal.actor());
  });
  const auto refused = world.send("POST", "/x", "body");
  CHECK(refused.status == 401);
  CHECK(refused.headers.get("WWW-Authenticate").starts_with("DPoP "));
  CHECK(world.send("POST", "/x", "body", {{"Authorization", "good"}}).body == "user:usr_1");
}

TEST_CASE("a route on the loop is answered there when its principal is known, else by a worker") {
  World world;
  RouteOptions options;
  options.on_loop = true;
  world.router.get("/open", options,
                   [](const Request&) -> Result<Response> { return Response::text("open"); });
  options.auth = Auth::client;
  world.router.post("/x", options, [](const Request& r) -> Result<Response> {
    return Response::text(r.principal.actor() + r.body);
  });
  CHECK(world.send("GET", "/open").body == "open");
  CHECK(world.on_loop);
  CHECK(world.send("POST", "/x", " a", {{"Authorization", "good"}}).body == "user:usr_1 a");
  CHECK_FALSE(world.on_loop);
  world.authenticator.knows = true;
  CHECK(world.send("POST", "/x", " b", {{"Authorization", "good"}}).body == "user:usr_1 b");
  CHECK(world.on_loop);
  CHECK(world.send("POST", "/x", " c", {{"Authorization", "bad"}}).status == 401);
  CHECK(world.on_loop);
}

TEST_CASE("a parked request is finished once, by its bell or by its time") {
  World world;
  int asked = 0;
  world.router.get("/poll", {}, [&](const Request&) -> Result<Response> {
    Parking parking;
    parking.resume = [&](const Request& again) -> Result<Response> {
      CHECK(again.path == "/poll");
      ++asked;
      return Response::text("news");
    };
    return std::move(Response::empty(304).park(std::move(parking)));
  });
  CHECK(world.send("GET", "/poll").status == 304);
  CHECK(asked == 0);
  world.rings = 1;
  const auto woken = world.send("GET", "/poll");
  CHECK(woken.body == "news");
  CHECK(asked == 1);
  CHECK(world.log_lines.size() == 2);
  CHECK(isId(woken.headers.get("X-Request-Id"), "req"));
}

TEST_CASE("one address gets so many requests a second, and a network of IPv6 counts as one") {
  World world;
  world.options.requests_per_second_per_address = 3;
  world.options.trusted_proxies = TrustedProxies::parse({"127.0.0.1"}).value();
  world.router.get("/x", {}, [](const Request&) -> Result<Response> { return Response::empty(); });
  Pipeline pipeline(world.options, {world.router, nullptr, nullptr, world.metrics, world.clock, world.random});
  const auto ask = [&](const std::string& from) {
    auto head = parseHead("GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + from + "\r\n\r\n");
    REQUIRE(head);
    auto admission = pipeline.admit(std::move(*head), "127.0.0.1");
    auto* refusal = std::get_if<Response>(&admission);
    return refusal == nullptr ? 200 : refusal->status;
  };
  for (int i = 0; i < 3; ++i) CHECK(ask("198.51.100.7") == 200);
  CHECK(ask("198.51.100.7") == 429);
  CHECK(ask("198.51.100.8") == 200);
  for (int i = 0; i < 3; ++i) CHECK(ask("2001:db8:1:2::" + std::to_string(i + 1)) == 200);
  CHECK(ask("2001:db8:1:2:ffff::1") == 429);
  CHECK(ask("2001:db8:1:3::1") == 200);
  world.clock.advance(seconds(1));
  CHECK(ask("198.51.100.7") == 200);
}

TEST_CASE("a page without a session leads to the log-in page and back") {
  World world;
  RouteOptions options;
  options.auth = Auth::session;
  world.router.get("/dashboard", options,
                   [](const Request&) -> Result<Response> { return Response::empty(); });
  const auto response = world.send("GET", "/dashboard?window=7d");
  CHECK(response.status == 303);
  CHECK(response.headers.get("Location") == "/login?next=%2Fdashboard%3Fwindow%3D7d");
}

TEST_CASE("a form needs the token of this browser's cookie") {
  World world;
  RouteOptions options;
  options.csrf = true;
  world.router.post("/f", options,
                    [](const Request&) -> Result<Response> { return Response::text("done"); });
  const std::string form = "application/x-www-form-urlencoded";
  const std::string token = csrfToken("cookie-1");
  const auto send = [&](const std::string& body,
                        std::vector<std::pair<std::string, std::string>> headers) {
    headers.emplace_back("Content-Type", form);
    return world.send("POST", "/f", body, std::move(headers));
  };
  CHECK(send("csrf=" + token, {{"Cookie", "ccp_session=cookie-1"}}).body == "done");
  CHECK(codeOf(send("csrf=" + token, {{"Cookie", "ccp_session=cookie-2"}})) == "csrf_failed");
  CHECK(codeOf(send("csrf=" + token, {})) == "csrf_failed");
  CHECK(codeOf(send("csrf=&csrf=" + token, {{"Cookie", "ccp_session=cookie-1"}})) == "csrf_failed");
  CHECK(codeOf(send("a=1", {{"Cookie", "ccp_session=cookie-1"}})) == "csrf_failed");
  CHECK(codeOf(send("csrf=" + token, {{"Cookie", "ccp_session=cookie-1"},
                                      {"Sec-Fetch-Site", "cross-site"}})) == "csrf_failed");
}

TEST_CASE("browsers get a page for an error, programs a problem, OAuth its own form") {
  World world;
  world.router.get("/oauth/x", {}, [](const Request&) -> Result<Response> {
    return fail(Errc::unavailable, "later");
  });
  CHECK(world.send("GET", "/nope", "", {{"Accept", "text/html,*/*"}}).headers.get("Content-Type") ==
        "text/html; charset=utf-8");
  CHECK(codeOf(world.send("GET", "/v1/nope", "", {{"Accept", "text/html"}})) == "not_found");
  const auto oauth = parseJson(world.send("GET", "/oauth/x").body);
  REQUIRE(oauth);
  CHECK(oauth->strOr("error") == "temporarily_unavailable");
}

TEST_CASE("a repeated Idempotency-Key gets the stored answer and the handler runs once") {
  World world;
  int calls = 0;
  int status = 201;
  RouteOptions options;
  options.idempotent = true;
  world.router.post("/x", options, [&](const Request& r) -> Result<Response> {
    ++calls;
    if (status == 503) return fail(Errc::unavailable, "later");
    return Response::json(Json::object({{"n", calls}, {"body", r.body}}), status);
  });
  const auto first = world.send("POST", "/x", "a", {{"Idempotency-Key", "k1"}});
  const auto second = world.send("POST", "/x", "a", {{"Idempotency-Key", "k1"}});
  CHECK(first.status == 201);
  CHECK(second.status == 201);
  CHECK(second.body == first.body);
  CHECK(second.headers.get("Idempotency-Replayed") == "true");
  CHECK(second.headers.get("X-Request-Id") != first.headers.get("X-Request-Id"));
  CHECK(calls == 1);
  CHECK(codeOf(world.send("POST", "/x", "b", {{"Idempotency-Key", "k1"}})) ==
        "idempotency_conflict");
  CHECK(world.send("POST", "/x", "a", {{"Idempotency-Key", "k2"}}).status == 201);
  CHECK(world.send("POST", "/x", "a").status == 201);
  CHECK(calls == 3);
  SUBCASE("a server error is not remembered") {
    status = 503;
    CHECK(world.send("POST", "/x", "a", {{"Idempotency-Key", "k3"}}).status == 503);
    status = 201;
    CHECK(world.send("POST", "/x", "a", {{"Idempotency-Key", "k3"}}).status == 201);
  }
  SUBCASE("unusable keys are refused") {
    CHECK(codeOf(world.send("POST", "/x", "a", {{"Idempotency-Key", std::string(256, 'k')}})) ==
          "bad_request");
    CHECK(codeOf(world.send("POST", "/x", "a", {{"Idempotency-Key", ""}})) == "bad_request");
  }
}

TEST_CASE("assets are cached for ever under their versioned URL") {
  World world;
  addAssetRoutes(world.router);
  const auto css = world.send("GET", assetUrl("ccp.css"));
  CHECK(css.status == 200);
  CHECK(css.headers.get("Content-Type") == "text/css; charset=utf-8");
  CHECK(css.headers.get("Cache-Control").find("immutable") != std::string::npos);
  const auto again =
      world.send("GET", "/assets/ccp.css", "", {{"If-None-Match", css.headers.get("ETag")}});
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(again.headers.get("Cache-Control").find("immutable") == std::string::npos);
  CHECK(world.send("GET", "/assets/other.css").status == 404);
}
