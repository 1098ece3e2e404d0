// The listener over real sockets: what hostile and clumsy clients send, overload, drain.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tests/integration/http/http_world.hpp"

using namespace ccp;
using namespace ccp::http_test;

namespace {

std::string post(const std::string& path, const std::string& body,
                 const std::string& type = "application/json") {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::size_t residentKiB() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

}  // namespace

TEST_CASE("answers, keeps the connection, and closes it when asked") {
  World world;
  RawClient client(world.address);
  REQUIRE(client.send("GET /hello?n=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(client.readUntil("hello 1").find("Connection: keep-alive") != std::string::npos);
  REQUIRE(client.send("GET /hello?n=2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  CHECK(client.readAll().find("hello 2") != std::string::npos);
  CHECK(client.closed());
}

TEST_CASE("pipelined requests are answered in order, also when they come byte by byte") {
  World world;
  const std::string both =
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n"
      "GET /hello?n=3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const auto inOrder = [](const std::string& answer) {
    const auto first = answer.find("first");
    const auto second = answer.find("second");
    const auto third = answer.find("hello 3");
    return first < second && second < third && third != std::string::npos;
  };
  CHECK(inOrder(world.exchange(both)));
  RawClient slow(world.address);
  for (const char byte : both) REQUIRE(slow.send(std::string(1, byte)));
  CHECK(inOrder(slow.readAll()));
}

TEST_CASE("HEAD has the headers of GET and no body") {
  World world;
  const auto answer =
      world.exchange("HEAD /hello?n=9 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(statusOf(answer) == 200);
  CHECK(answer.find("Content-Length: 7\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("every kind of bad input gets its code, and the server stays up") {
  World world;
  struct Case {
    const char* name;
    std::string bytes;
    int status;
    const char* code;
  };
  const std::string start = "POST /json HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
  const Case cases[] = {
      {"both framings", start + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400, "bad_framing"},
      {"two lengths", start + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400,
       "bad_framing"},
      {"negative length", start + "Content-Length: -5\r\n\r\n", 400, "bad_framing"},
      {"length is a word", start + "Content-Length: abc\r\n\r\n", 400, "bad_framing"},
      {"unknown coding", start + "Transfer-Encoding: gzip\r\n\r\n", 400, "bad_framing"},
      {"broken chunk", start + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_framing"},
      {"no length", start + "\r\n", 411, "length_required"},
      {"wrong type", post("/json", "a=1", "application/x-www-form-urlencoded"), 415,
       "unsupported_media_type"},
      {"malformed JSON", post("/json", "{\"a\":"), 400, "bad_json"},
      {"depth bomb", post("/json", std::string(100'000, '[')), 400, "bad_json"},
      {"depth bomb of objects",
       post("/json",
            [] {
              std::string s;
              for (int i = 0; i < 50'000; ++i) s += "{\"a\":";
              return s;
            }()),
       400, "bad_json"},
      {"not UTF-8", post("/json", "{\"a\":\"\xff\xfe\"}"), 400, "bad_json"},
      {"no object", post("/json", "[]"), 422, "validation_failed"},
      {"path not UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400,
       "bad_encoding"},
      {"encoded slash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400,
       "bad_encoding"},
      {"NUL in path", "GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400,
       "bad_encoding"},
      {"long target", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414,
       "uri_too_long"},
      {"large header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40'000, 'a') + "\r\n\r\n",
       431, "headers_too_large"},
      {"unknown path", "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404,
       "not_found"},
      {"wrong method", "DELETE /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405,
       "method_not_allowed"},
      {"std::exception", "GET /std HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500,
       "internal"},
      {"int thrown", "GET /int HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 500, "internal"},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400,
       "bad_request"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.name);
    const auto answer = world.exchange(c.bytes);
    CHECK(statusOf(answer) == c.status);
    CHECK(answer.find(std::string("\"code\":\"") + c.code + "\"") != std::string::npos);
    CHECK(answer.find("application/problem+json") != std::string::npos);
    CHECK(answer.find("Connection: close") != std::string::npos);
  }
  CHECK(statusOf(world.exchange("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) ==
        200);
}

TEST_CASE("a request hidden behind ambiguous framing is never answered") {
  World world;
  const auto answer = world.exchange(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /hello?n=smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(statusOf(answer) == 400);
  CHECK(answer.find("smuggled") == std::string::npos);
}

TEST_CASE("a body of 100 MiB is refused without being kept") {
  World world;
  const auto before = residentKiB();
  SUBCASE("declared: refused before it is sent") {
    RawClient client(world.address);
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n");
    const auto answer = client.readAll();
    CHECK(statusOf(answer) == 413);
    CHECK(answer.find("body_too_large") != std::string::npos);
  }
  SUBCASE("in chunks: refused where the cap is") {
    RawClient client(world.address);
    REQUIRE(client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    int sent = 0;
    while (sent < 1600 && client.send(chunk)) ++sent;
    CHECK(sent < 1600);
  }
  SUBCASE("in one small step over the cap the answer arrives") {
    RawClient client(world.address);
    REQUIRE(client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\nabc"));
    CHECK(statusOf(client.readAll()) == 413);
  }
  CHECK(residentKiB() < before + 32 * 1024);
}

TEST_CASE("100-continue is sent when the body is wanted, and not otherwise") {
  World world;
  RawClient wanted(world.address);
  REQUIRE(
      wanted.send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: "
                  "100-continue\r\nContent-Length: 4\r\n\r\n"));
  CHECK(wanted.readUntil("100 Continue\r\n\r\n").find("100 Continue") != std::string::npos);
  REQUIRE(wanted.send("body"));
  CHECK(wanted.readAll().ends_with("body"));
  const auto refused = world.exchange(
      "POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  CHECK(statusOf(refused) == 404);
}

TEST_CASE("slow heads and slow bodies meet a total deadline, however steadily they drip") {
  ServerOptions options;
  options.head_timeout = milliseconds(600);
  options.body_timeout = milliseconds(600);
  World world(options);
  const auto drip = [&](const std::string& first) {
    RawClient client(world.address);
    client.send(first);
    const auto started = std::chrono::steady_clock::now();
    std::string answer;
    while (answer.empty() &&
           std::chrono::steady_clock::now() - started < std::chrono::seconds(15)) {
      client.send("x");
      answer = client.readUntil("\r\n\r\n", std::chrono::milliseconds(50));
    }
    return answer;
  };
  CHECK(drip("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            .find("request_timeout") != std::string::npos);
  CHECK(drip("GET /hello HTTP/1.1\r\nX: ").find("request_timeout") != std::string::npos);
}

TEST_CASE("silent connections hold no thread") {
  ServerOptions options;
  options.threads = 1;
  World world(options);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(std::make_unique<RawClient>(world.address));
  const auto started = std::chrono::steady_clock::now();
  CHECK(statusOf(world.exchange(kLastHello)) == 200);
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(5));
}

TEST_CASE("beyond threads and queue a client gets 503 at once, and those inside are served") {
  ServerOptions options;
  options.threads = 2;
  options.max_queued = 1;
  World world(options);
  const std::string request = "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  RawClient inside_1(world.address);
  RawClient inside_2(world.address);
  REQUIRE(inside_1.send(request));
  REQUIRE(inside_2.send(request));
  REQUIRE(world.gate.awaitInside(2));
  RawClient queued(world.address);
  REQUIRE(queued.send(request));
  // The queue holds one; of the next, at least one finds it full.
  std::string answer;
  for (int i = 0; i < 50 && statusOf(answer) != 503; ++i) {
    RawClient shed(world.address);
    REQUIRE(shed.send(request));
    answer = shed.readAll(std::chrono::milliseconds(300));
  }
  CHECK(statusOf(answer) == 503);
  CHECK(answer.find("\"code\":\"overloaded\"") != std::string::npos);
  CHECK(answer.find("Retry-After: 2\r\n") != std::string::npos);
  CHECK(world.metrics.text().find("ccp_http_refused_total") != std::string::npos);
  world.gate.open();
  CHECK(statusOf(inside_1.readAll()) == 200);
  CHECK(statusOf(inside_2.readAll()) == 200);
}

TEST_CASE("draining answers what is running, refuses what is new, and then ends") {
  World world;
  RawClient running(world.address);
  REQUIRE(running.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  REQUIRE(world.gate.awaitInside(1));
  world.server->beginDrain();
  const auto refused = world.exchange("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(statusOf(refused) == 503);
  CHECK(refused.find("\"code\":\"shutting_down\"") != std::string::npos);
  CHECK(refused.find("Connection: close") != std::string::npos);
  auto stopped = std::async(std::launch::async, [&] { return world.server->stop(seconds(10)); });
  world.gate.open();
  CHECK(running.readAll().find("waited") != std::string::npos);
  CHECK(stopped.get());
  CHECK_THROWS(RawClient(world.address));
}

TEST_CASE("stop gives up on a handler that hangs, after its time") {
  World world;
  RawClient running(world.address);
  REQUIRE(running.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  REQUIRE(world.gate.awaitInside(1));
  const auto started = std::chrono::steady_clock::now();
  auto stopped =
      std::async(std::launch::async, [&] { return world.server->stop(milliseconds(200)); });
  CHECK(stopped.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK_FALSE(stopped.get());
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(15));
  // Let the abandoned thread end before the world that it uses goes away.
  world.gate.open();
  REQUIRE(running.readAll().size() < 100'000);
  auto& open = world.metrics.gauge("ccp_http_in_flight", "", {{"listener", "public"}});
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (open.value() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(open.value() == 0);
}

TEST_CASE("a busy port is refused with its address") {
  World world;
  ServerOptions options;
  options.listen = world.address;
  HttpServer second(options, world.metrics);
  const auto started = second.start(*world.pipeline);
  REQUIRE_FALSE(started);
  CHECK(started.error().detail.find(world.address) != std::string::npos);
}

TEST_CASE("many clients at once are all answered") {
  World world;
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 16; ++t) {
    clients.emplace_back([&, t] {
      RawClient client(world.address);
      for (int i = 0; i < 50; ++i) {
        const std::string n = std::to_string(t) + "x" + std::to_string(i) + ".";
        if (!client.send("GET /hello?n=" + n + " HTTP/1.1\r\nHost: a\r\n\r\n")) return;
        if (client.readUntil("hello " + n).find("hello " + n) != std::string::npos) ++good;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(good == 16 * 50);
}
