#include <doctest/doctest.h>

#include "core/http/html.hpp"
#include "core/http/message.hpp"

using namespace ccp;
using namespace ccp::http;

TEST_CASE("header names compare without case, and set replaces every line") {
  Headers headers;
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  CHECK(headers.get("X-a") == "1");
  CHECK(headers.all("x-A").size() == 2);
  headers.set("X-A", "3");
  CHECK(headers.all("x-a") == std::vector<std::string>{"3"});
  CHECK_FALSE(headers.has("X-B"));
}

TEST_CASE("forms are decoded in order") {
  const auto form = parseForm("a=1&b=x+y%21&a=2&empty=&flag");
  REQUIRE(form);
  CHECK(form->get("b") == "x y!");
  CHECK(form->get("a") == "1");
  CHECK(form->repeated("a"));
  CHECK_FALSE(form->repeated("b"));
  CHECK(form->get("empty") == "");
  CHECK(form->get("flag") == "");
  CHECK_FALSE(form->get("absent"));
}

TEST_CASE("forms refuse broken escapes, invalid UTF-8 and NUL") {
  for (const char* text : {"a=%", "a=%zz", "a=%ff", "%c3=1", "a=%00"}) {
    CAPTURE(text);
    const auto form = parseForm(text);
    REQUIRE_FALSE(form);
    CHECK(form.error().code == Errc::bad_encoding);
  }
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "a=1&";
  CHECK(parseForm(many).error().code == Errc::bad_request);
}

TEST_CASE("cookies are found by exact name") {
  Request request;
  request.headers.add("Cookie", "a=1; ccp_session=abc;b=2");
  request.headers.add("Cookie", "c=3");
  CHECK(request.cookie("ccp_session") == "abc");
  CHECK(request.cookie("session").empty());
  CHECK(request.cookie("c") == "3");
}

TEST_CASE("a JSON body needs its type, its form and an object") {
  Request request;
  request.body = "{\"a\":1}";
  CHECK(request.json().error().code == Errc::unsupported_media_type);
  request.headers.set("Content-Type", "Application/JSON; charset=utf-8");
  REQUIRE(request.json());
  CHECK((*request.json())["a"].asInt() == 1);
  request.body = "{\"a\":1,}";
  CHECK(request.json().error().code == Errc::bad_json);
  request.body = "[1]";
  CHECK(request.json().error().code == Errc::validation_failed);
  request.body = "{\"a\":\"\xff\"}";
  CHECK(request.json().error().code == Errc::bad_json);
  request.body = std::string(1000, '[');
  CHECK(request.json().error().code == Errc::bad_json);
}

TEST_CASE("a problem carries code, next step, request id and fields") {
  const Error error{Errc::validation_failed, "quantity is 0", {{"/quantity", "minimum: 1"}}};
  const auto response = Response::problem(error, "req_1");
  CHECK(response.status == 422);
  CHECK(response.headers.get("content-type") == "application/problem+json");
  const auto body = parseJson(response.body);
  REQUIRE(body);
  CHECK(body->strOr("type") == "urn:ccp:error:validation_failed");
  CHECK(body->strOr("code") == "validation_failed");
  CHECK(body->strOr("detail") == "quantity is 0");
  CHECK_FALSE(body->strOr("next_step").empty());
  CHECK(body->strOr("request_id") == "req_1");
  CHECK((*body)["errors"].items().at(0).strOr("pointer") == "/quantity");
}

TEST_CASE("503 and 429 always say when to come back") {
  CHECK(Response::problem(Error{Errc::overloaded, ""}, "r").headers.get("Retry-After") == "2");
  CHECK(Response::problem(Error{Errc::rate_limited, "", {}, 17}, "r").headers.get("Retry-After") ==
        "17");
  CHECK_FALSE(Response::problem(Error{Errc::not_found, ""}, "r").headers.has("Retry-After"));
}

TEST_CASE("pages escape what is not theirs and forbid inline script and style") {
  CHECK(escapeHtml("<a b='c' d=\"e\">&") == "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
  Page page;
  page.title = "<script>";
  page.user_email = "a\"b@example.com";
  page.csrf_token = "tok";
  const auto response = renderPage(page);
  CHECK(response.body.find("<script>") == std::string::npos);
  CHECK(response.body.find("a&quot;b@example.com") != std::string::npos);
  CHECK(response.body.find("name=\"csrf\" value=\"tok\"") != std::string::npos);
  CHECK(response.body.find("style=\"") == std::string::npos);
  const auto policy = response.headers.get("Content-Security-Policy");
  CHECK(policy.find("default-src 'none'") != std::string::npos);
  CHECK(policy.find("unsafe-inline") == std::string::npos);
  CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
  CHECK(response.headers.get("Cache-Control") == "no-store");
}
