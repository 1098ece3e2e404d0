// What an event loop is for: clients that are slow, silent, or never read cost little and take nothing
// from the others; limits by address; answers from the loop; waiting without a thread; the watchdog.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include "core/http/bell.hpp"
#include "tests/integration/http/http_world.hpp"

using namespace ccp;
using namespace ccp::http_test;

namespace {

using Steady = std::chrono::steady_clock;

/// The long variant of a test is part of make check.
bool isLong() { return std::getenv("CCP_LONG_HTTP") != nullptr; }

std::size_t statusValue(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stoul(line.substr(line.find(':') + 1));
  }
  return 0;
}

/// How many of `/hello` are answered within `time`, over kept connections.
int goodAnswers(const std::string& address, std::chrono::milliseconds time, int clients = 4) {
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < clients; ++t) {
    threads.emplace_back([&] {
      RawClient client(address);
      const auto until = Steady::now() + time;
      std::string seen;
      for (int n = 0; Steady::now() < until; ++n) {
        const std::string mark = "hello n" + std::to_string(n) + ".";
        if (!client.send("GET /hello?n=n" + std::to_string(n) + ". HTTP/1.1\r\nHost: a\r\n\r\n")) return;
        if (client.readUntil(mark).find(mark) == std::string::npos) return;
        client.forget();
        ++answered;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return answered;
}

template <class Done>
bool eventually(Done done, std::chrono::seconds patience = std::chrono::seconds(20)) {
  const auto until = Steady::now() + patience;
  while (!done()) {
    if (Steady::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

double gauge(World& world, const std::string& name) {
  return world.metrics.gauge(name, "", {{"listener", "public"}}).value();
}

double refusals(World& world, const std::string& reason) {
  return world.metrics.counter("ccp_http_refused_total", "", {{"listener", "public"}, {"reason", reason}}).value();
}

}  // namespace

TEST_CASE("clients that send a byte a second take nothing from the others, and are cut at their time") {
  ServerOptions options;
  options.threads = 4;
  options.max_connections_per_address = 5000;
  options.head_timeout = isLong() ? seconds(10) : milliseconds(2500);
  World world(options);
  const auto before = goodAnswers(world.address, std::chrono::milliseconds(700));
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < (isLong() ? 1000 : 300); ++i) {
    slow.push_back(std::make_unique<RawClient>(world.address));
    REQUIRE(slow.back()->send(i % 2 == 0 ? "GET /hello HTTP/1.1\r\nX: "
                                         : "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"));
  }
  REQUIRE(eventually([&] { return gauge(world, "ccp_http_connections") >= static_cast<double>(slow.size()); }));
  const auto threads = statusValue("Threads:");
  std::atomic<bool> over{false};
  std::thread drip([&] {
    while (!over) {
      for (auto& client : slow) client->send("x");
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  });
  const auto during = goodAnswers(world.address, std::chrono::milliseconds(700));
  CHECK(during > before / 3);  // the bench has the exact ratio; here other tests run beside
  CHECK(statusValue("Threads:") <= threads + 8);
  // The heads are over their time; bodies have 30 s.
  int timed_out = 0;
  for (std::size_t i = 0; i < slow.size(); i += 2) {
    if (slow[i]->readAll(std::chrono::seconds(20)).find("request_timeout") != std::string::npos) ++timed_out;
  }
  over = true;
  drip.join();
  CHECK(timed_out == static_cast<int>(slow.size() / 2));
}

TEST_CASE("clients that never read are bounded in memory and cut at their time") {
  ServerOptions options;
  options.write_timeout = milliseconds(1500);
  options.answer_budget = 8 << 20;
  options.threads = 4;
  options.max_connections_per_address = 5000;
  const int clients = isLong() ? 1000 : 300;
  World world(options, {}, [](World& w) {
    w.router.get("/large", {}, [](const Request&) -> Result<Response> { return Response::text(std::string(1 << 20, 'x')); });
  });
  const auto before = statusValue("VmRSS:");
  std::vector<std::unique_ptr<RawClient>> deaf;
  for (int i = 0; i < clients; ++i) {
    deaf.push_back(std::make_unique<RawClient>(world.address, 4096));
    REQUIRE(deaf.back()->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  // 300 of them want 300 MiB. What workers have made and the loops have not yet sent or refused comes on top of the budget.
  CHECK(eventually([&] { return refusals(world, "unread_answers") >= clients / 2; }));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(statusValue("VmRSS:") < before + 150 * 1024);  // AddressSanitizer keeps what was freed
#else
  CHECK(before > 0);
#endif
  CHECK(goodAnswers(world.address, std::chrono::milliseconds(300)) > 0);
  CHECK(eventually([&] { return gauge(world, "ccp_http_connections") == 0; }));
}

TEST_CASE("half-open clients and resets leave nothing behind") {
  World world;
  for (int i = 0; i < 50; ++i) {
    RawClient client(world.address);
    if (i % 3 == 0) client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc");
    if (i % 3 == 1) client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    if (i % 2 == 0) client.reset();
  }
  world.gate.open();
  CHECK(eventually([&] { return gauge(world, "ccp_http_connections") == 0 && gauge(world, "ccp_http_in_flight") == 0; }));
  CHECK(statusOf(world.exchange(kLastHello)) == 200);
  // Who only stops sending still gets the answer.
  RawClient half(world.address);
  REQUIRE(half.send(kHello));
  half.stopSending();
  CHECK(half.readAll().find("hello") != std::string::npos);
}

TEST_CASE("an address has so many connections, a trusted proxy as many as it needs") {
  ServerOptions options;
  options.max_connections_per_address = 3;
  options.max_connections = 6;
  PipelineOptions pipeline;
  SUBCASE("an address") {
    World world(options, pipeline);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(std::make_unique<RawClient>(world.address));
    REQUIRE(eventually([&] { return gauge(world, "ccp_http_connections") == 3; }));
    RawClient fourth(world.address);
    const auto answer = fourth.readAll();
    CHECK(statusOf(answer) == 429);
    CHECK(answer.find("\"code\":\"rate_limited\"") != std::string::npos);
    CHECK(answer.find("Retry-After: ") != std::string::npos);
    CHECK(refusals(world, "connections_of_address") == 1);
    clients.pop_back();
    CHECK(eventually([&] { return statusOf(world.exchange(kLastHello)) == 200; }));
  }
  SUBCASE("a proxy, up to what the server keeps") {
    pipeline.trusted_proxies = TrustedProxies::parse({"127.0.0.1"}).value();
    World world(options, pipeline);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 6; ++i) {
      clients.push_back(std::make_unique<RawClient>(world.address));
      REQUIRE(clients.back()->send(kHello));
      CHECK(statusOf(clients.back()->readUntil("hello")) == 200);
    }
    RawClient seventh(world.address);
    const auto answer = seventh.readAll();
    CHECK(statusOf(answer) == 503);
    CHECK(answer.find("\"code\":\"overloaded\"") != std::string::npos);
  }
}

TEST_CASE("an address has so many requests a second") {
  PipelineOptions pipeline;
  pipeline.requests_per_second_per_address = 5;
  World world({}, pipeline);
  RawClient client(world.address);
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += kHello;
  REQUIRE(client.send(requests + kLastHello));
  const auto answer = client.readAll();
  CHECK(answer.find("HTTP/1.1 200 ") != std::string::npos);
  CHECK(answer.find("HTTP/1.1 429 ") != std::string::npos);
  CHECK(answer.find("requests a second from this address") != std::string::npos);
}

TEST_CASE("what answers from memory is answered although every worker is busy") {
  ServerOptions options;
  options.threads = 2;
  World world(options, {}, [](World& w) {
    RouteOptions on_loop;
    on_loop.on_loop = true;
    w.router.get("/healthz", on_loop, [](const Request&) -> Result<Response> { return Response::text("well"); });
  });
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::make_unique<RawClient>(world.address));
    REQUIRE(waiting.back()->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  }
  REQUIRE(world.gate.awaitInside(2));
  for (int i = 0; i < 100; ++i) CHECK(statusOf(world.exchange("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200);
}

TEST_CASE("what waited too long in the queue is told so, and its handler is not called") {
  ServerOptions options;
  options.threads = 1;
  options.queue_patience = milliseconds(100);
  World world(options);
  RawClient inside(world.address);
  REQUIRE(inside.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
  REQUIRE(world.gate.awaitInside(1));
  RawClient late(world.address);
  REQUIRE(late.send(kLastHello));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  world.gate.open();
  const auto answer = late.readAll();
  CHECK(statusOf(answer) == 503);
  CHECK(answer.find("waited too long") != std::string::npos);
}

namespace {

/// A route that waits for a bell, and counts how often it looked.
struct Poll {
  std::shared_ptr<Bell> bell = std::make_shared<Bell>();
  std::atomic<int> news{0};
  std::atomic<int> looks{0};
  Duration patience = seconds(20);

  void addTo(World& world) {
    world.router.get("/poll", {}, [this, &world](const Request&) { return look(Deadline::after(world.clock, patience)); });
  }
  Result<Response> look(Deadline until) {
    const auto seen = bell->rung();
    ++looks;
    if (news > 0) return Response::text("news");
    return std::move(Response::empty(304).park({bell, seen, until, [this, until](const Request&) { return look(until); }}));
  }
};

}  // namespace

TEST_CASE("requests that wait for news hold no thread, and a bell wakes them") {
  ServerOptions options;
  options.threads = 2;
  options.max_parked = 150;
  Poll poll;
  World world(options, {}, [&](World& w) { poll.addTo(w); });
  const std::string request = "GET /poll HTTP/1.1\r\nHost: a\r\n\r\n";
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 150; ++i) {
    clients.push_back(std::make_unique<RawClient>(world.address));
    REQUIRE(clients.back()->send(request));
  }
  REQUIRE(eventually([&] { return gauge(world, "ccp_http_parked") == 150; }));
  CHECK(statusOf(world.exchange(kLastHello)) == 200);
  SUBCASE("no more than there is room for") {
    RawClient more(world.address);
    REQUIRE(more.send(request));
    const auto answer = more.readUntil("\r\n\r\n");
    CHECK(statusOf(answer) == 304);
    CHECK(answer.find("Retry-After: 2\r\n") != std::string::npos);
  }
  SUBCASE("a ring without news lets them wait on") {
    poll.bell->ring();
    CHECK(eventually([&] { return poll.looks >= 300 && gauge(world, "ccp_http_parked") == 150; }));
    poll.news = 1;
    poll.bell->ring();
    for (auto& client : clients) CHECK(client->readUntil("news").find("news") != std::string::npos);
  }
  SUBCASE("news") {
    poll.news = 1;
    poll.bell->ring();
    for (auto& client : clients) CHECK(client->readUntil("news").find("news") != std::string::npos);
    REQUIRE(clients.front()->send(kHello));
    CHECK(clients.front()->readUntil("hello").find("hello") != std::string::npos);
  }
  SUBCASE("clients that leave") {
    clients.clear();
    CHECK(eventually([&] { return gauge(world, "ccp_http_parked") == 0; }));
  }
  SUBCASE("the bell is closed") {
    poll.bell->close();
    for (auto& client : clients) CHECK(statusOf(client->readUntil("\r\n\r\n")) == 304);
  }
  SUBCASE("the server drains") {
    world.server->beginDrain();
    for (auto& client : clients) {
      const auto answer = client->readAll();
      CHECK(statusOf(answer) == 304);
      CHECK(answer.find("Connection: close") != std::string::npos);
    }
    CHECK(world.server->stop(seconds(5)));
  }
}

TEST_CASE("a body counts while its request is handled, and no more while it waits for news") {
  ServerOptions options;
  options.body_budget = 1 << 20;
  Poll poll;
  World world(options, {}, [&](World& w) {
    w.router.post("/poll", {}, [&poll](const Request&) -> Result<Response> {
      const auto again = [](const Request& r) -> Result<Response> { return Response::text("kept " + std::to_string(r.body.size())); };
      return std::move(Response::empty(304).park({poll.bell, poll.bell->rung(), Deadline::none(), again}));
    });
    w.router.post("/gated", {}, [&w](const Request&) -> Result<Response> {
      w.gate.wait();
      return Response::text("waited");
    });
  });
  // Two of them are more than the budget.
  const std::string rest = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 700000\r\n\r\n" + std::string(700'000, 'x');
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 1; i <= 3; ++i) {
    waiting.push_back(std::make_unique<RawClient>(world.address));
    REQUIRE(waiting.back()->send("POST /poll" + rest));
    REQUIRE(eventually([&] { return gauge(world, "ccp_http_parked") == i; }));
  }
  RawClient handled(world.address);
  REQUIRE(handled.send("POST /gated" + rest));
  REQUIRE(world.gate.awaitInside(1));
  const auto refused = world.exchange("POST /echo" + rest);
  CHECK(statusOf(refused) == 503);
  CHECK(refused.find("too many request bodies") != std::string::npos);
  world.gate.open();
  CHECK(statusOf(handled.readAll()) == 200);
  CHECK(statusOf(world.exchange("POST /echo" + rest)) == 200);
  poll.bell->ring();
  for (auto& client : waiting) CHECK(client->readAll().find("kept 0") != std::string::npos);
}

TEST_CASE("a client whose requests are refused as fast as they are read leaves turns to the others") {
  constexpr int kAhead = 500;
  ServerOptions options;
  options.loops = 1;
  std::atomic<bool> holding{false};
  std::atomic<int> refused_before{-1};
  World world(options, {}, [&](World& w) {
    RouteOptions on_loop;
    on_loop.on_loop = true;
    w.router.get("/hold", on_loop, [&](const Request&) -> Result<Response> {
      holding = true;
      w.gate.wait();
      return Response::text("held");
    });
    w.router.get("/other", on_loop, [&](const Request&) -> Result<Response> {
      const auto& refused = w.metrics.counter("ccp_http_requests_total", "", {{"listener", "public"}, {"method", "-"}, {"route", "unmatched"}, {"status", "4xx"}});
      refused_before = static_cast<int>(refused.value());
      return Response::text("other");
    });
  });
  RawClient flood(world.address);
  RawClient other(world.address);
  RawClient holder(world.address);
  // All three are known to the loop, which then finds what the first two sent in one turn, in this order.
  for (auto* client : {&flood, &other}) {
    REQUIRE(client->send(kHello));
    REQUIRE(statusOf(client->readUntil("hello")) == 200);
    client->forget();
  }
  REQUIRE(holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  REQUIRE(world.gate.awaitInside(1));
  std::string ahead;
  for (int i = 0; i < kAhead; ++i) ahead += "GET /no HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(flood.send(ahead + "GET /hello?n=last HTTP/1.1\r\nHost: a\r\n\r\n"));
  REQUIRE(other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n"));
  world.gate.open();
  CHECK(other.readUntil("other").find("other") != std::string::npos);
  CHECK(refused_before > 0);
  CHECK(refused_before < kAhead / 2);
  CHECK(flood.readUntil("hello last").find("hello last") != std::string::npos);
}

TEST_CASE("a wait that is over gets the answer that was set aside") {
  Poll poll;
  poll.patience = milliseconds(200);
  World world({}, {}, [&](World& w) { poll.addTo(w); });
  const auto started = Steady::now();
  CHECK(statusOf(world.exchange("GET /poll HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 304);
  CHECK(Steady::now() - started > std::chrono::milliseconds(150));
  CHECK(Steady::now() - started < std::chrono::seconds(5));
}

TEST_CASE("the watchdog names a handler that holds a loop, and one that overruns on a worker") {
  World world({}, {}, [](World& w) {
    RouteOptions options;
    options.on_loop = true;
    w.router.get("/holds/{what}", options, [](const Request&) -> Result<Response> {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return Response::text("done");
    });
    options.on_loop = false;
    options.timeout = milliseconds(100);
    w.router.get("/overruns", options, [](const Request&) -> Result<Response> {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
      return Response::text("done");
    });
  });
  CHECK(statusOf(world.exchange("GET /holds/it HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200);
  CHECK(statusOf(world.exchange("GET /overruns HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200);
  const auto text = world.metrics.text();
  CHECK(text.find("ccp_http_loop_blocked_total{listener=\"public\",route=\"GET /holds/{what}\"} 1") != std::string::npos);
  CHECK(text.find("ccp_http_handler_overdue_total{listener=\"public\",route=\"GET /overruns\"} 1") != std::string::npos);
}

TEST_CASE("many connections over several loops, opened and closed under load") {
  ServerOptions options;
  options.loops = 3;
  options.threads = 8;
  World world(options);
  std::atomic<int> good{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < 8; ++t) {
    clients.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        RawClient client(world.address);
        const std::string body(static_cast<std::size_t>(1 + i * 977), static_cast<char>('a' + i % 26));
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        if (client.readAll().ends_with("\r\n\r\n" + body)) ++good;
      }
    });
  }
  for (auto& client : clients) client.join();
  CHECK(good == 8 * 60);
  CHECK(eventually([&] { return gauge(world, "ccp_http_connections") == 0; }));
}
