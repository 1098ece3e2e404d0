// The state machine of a connection without a socket: requests in any portions, one at a time,
// deadlines that a drip does not move, bounds, drain, and the end.
#include <doctest/doctest.h>

#include <set>

#include "core/base/log.hpp"
#include "core/http/connection.hpp"
#include "core/http/pipeline.hpp"
#include "core/http/timer_wheel.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/http_table.hpp"

using namespace ccp;
using namespace ccp::http;
using ccp::test::statusesOf;

namespace {

struct World final : ConnectionHost {
  test::FakeClock clock;
  test::SeededRandom random;
  Metrics metrics;
  Router router;
  std::unique_ptr<Pipeline> pipeline;
  ConnectionLimits limits;
  std::unique_ptr<BodyBudget> budget = std::make_unique<BodyBudget>(1 << 20);
  Connection::Time now{std::chrono::hours(1)};
  std::unique_ptr<Connection> connection;
  std::string sent;  ///< what the client has got
  bool shut = false;

  World() {
    log::setSink([](std::string_view) {});
    test::addTableRoutes(router);
    router.get("/large", {}, [](const Request&) -> Result<Response> {
      return Response::text(std::string(100'000, 'x'));
    });
    pipeline = std::make_unique<Pipeline>(
        PipelineOptions{}, PipelineDeps{router, nullptr, nullptr, metrics, clock, random});
    open();
  }
  ~World() override {
    connection.reset();
    log::setSink({});
  }
  void open() {
    sent.clear();
    shut = false;
    connection = std::make_unique<Connection>(*this, *budget, limits, now);
  }

  Admission admit(Head head) override { return pipeline->admit(std::move(head), "192.0.2.1"); }
  Response reject(const Error& error) override { return pipeline->reject(error, "192.0.2.1"); }
  Response refuse(Ticket& ticket, const Error& error) override {
    return pipeline->refuse(ticket, error);
  }

  /// The client reads `portion` bytes at a time, until nothing is left.
  void take(std::size_t portion = 1 << 20) {
    while (!connection->output().empty()) {
      const auto part = connection->output().substr(0, portion);
      sent += part;
      connection->wrote(part.size(), now);
    }
    shut = connection->takeShutdown() || shut;
  }
  void answer() {
    auto exchange = connection->takeRequest();
    connection->answer(pipeline->handle(exchange.ticket, std::move(exchange.body)), now);
  }
  /// Everything goes on as far as it goes.
  void run() {
    for (take(); connection->hasRequest(); take()) answer();
  }
  void send(std::string_view bytes, std::size_t portion = 1 << 20) {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, portion);
      connection->receive(part, now);
      bytes.remove_prefix(part.size());
      run();
    }
  }
  void pass(Duration time) {
    now += time;
    if (now >= connection->deadline()) connection->expire(now);
    run();
  }
  bool closing() const { return shut || connection->finished(); }
};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

std::string outcomeOf(const World& world, bool head) {
  return test::outcomeText(statusesOf(world.sent, head), world.closing());
}

std::string post(std::size_t length) {
  return "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

}  // namespace

TEST_CASE("every case of the RFC 9112 table has its outcome, whole and split at every byte") {
  World world;
  const auto cases = test::readHttpTable(CCP_SOURCE_DIR "/tests/fixtures/http/rfc9112.txt");
  CHECK(cases.size() >= 120);
  std::set<std::string> names;
  for (const auto& c : cases) {
    CAPTURE(c.name);
    CHECK(names.insert(c.name).second);
    const bool head = c.bytes.starts_with("HEAD");
    const auto wanted = test::outcomeText(c.statuses, c.close);
    bool failed = false;
    const auto outcome = [&](std::vector<std::string_view> parts) {
      world.open();
      for (const auto part : parts) world.send(part);
      if (failed) return;  // once a case is enough
      CHECK(outcomeOf(world, head) == wanted);
      CHECK(world.budget->used() == 0);
      failed = outcomeOf(world, head) != wanted;
    };
    const std::string_view bytes = c.bytes;
    outcome({bytes});
    const std::size_t step = bytes.size() > 1000 ? bytes.size() / 200 : 1;
    for (std::size_t at = 1; at < bytes.size(); at += step)
      outcome({bytes.substr(0, at), bytes.substr(at)});
    if (bytes.size() > 3000) continue;
    world.open();
    world.send(bytes, 1);
    CHECK(outcomeOf(world, head) == wanted);
  }
}

TEST_CASE("one request at a time: what comes ahead waits in a bounded buffer") {
  World world;
  world.connection->receive(get("/") + get("/a"), world.now);
  REQUIRE(world.connection->hasRequest());
  auto first = world.connection->takeRequest();
  CHECK_FALSE(world.connection->hasRequest());
  CHECK(world.connection->wantsInput());
  for (int i = 0; i < 1000 && world.connection->wantsInput(); ++i)
    world.connection->receive(get("/a"), world.now);
  CHECK_FALSE(world.connection->wantsInput());
  CHECK(world.connection->held() < 32 * 1024);
  world.connection->answer(world.pipeline->handle(first.ticket, {}), world.now);
  CHECK_FALSE(world.connection->hasRequest());  // before the client has taken the answer
  world.run();
  CHECK(world.connection->wantsInput());
  CHECK(statusesOf(world.sent).size() > 100);
  CHECK(world.connection->idle());
}

TEST_CASE("an answer goes out in portions of any size") {
  World world;
  world.connection->receive(get("/large") + get("/"), world.now);
  world.answer();
  world.take(7);
  REQUIRE(world.connection->hasRequest());
  world.answer();
  world.take(1);
  CHECK(statusesOf(world.sent) == std::vector<int>{200, 200});
  CHECK(world.connection->idle());
}

TEST_CASE("a head has a total time, and so has a connection that says nothing") {
  World world;
  SUBCASE("nothing is sent") {
    world.pass(seconds(10));
    CHECK(world.connection->finished());
    CHECK(world.sent.empty());
  }
  SUBCASE("a byte a second") {
    const std::string slow = "GET / HTTP/1.1\r\nX: " + std::string(100, 'y');
    for (std::size_t i = 0; i < slow.size() && !world.closing(); ++i) {
      world.send(slow.substr(i, 1));
      world.pass(seconds(1));
    }
    CHECK(statusesOf(world.sent) == std::vector<int>{408});
    CHECK(world.sent.find("request_timeout") != std::string::npos);
    CHECK(world.now - Connection::Time(std::chrono::hours(1)) == seconds(10));
  }
  SUBCASE("between requests") {
    world.send(get("/"));
    world.pass(seconds(59));
    CHECK_FALSE(world.connection->finished());
    world.pass(seconds(1));
    CHECK(world.connection->finished());
    CHECK(statusesOf(world.sent) == std::vector<int>{200});
  }
  SUBCASE("an empty line after a request is no request") {
    world.send(get("/") + "\r\n");
    world.pass(seconds(10));
    CHECK(world.connection->finished());
    CHECK(statusesOf(world.sent) == std::vector<int>{200});
  }
}

TEST_CASE("a body may take long when it keeps its rate, and a drip is cut") {
  World world;
  world.budget = std::make_unique<BodyBudget>(8 << 20);
  world.open();
  SUBCASE("a drip") {
    world.send(post(1000));
    for (int i = 0; i < 100 && !world.closing(); ++i) {
      world.send("x");
      world.pass(seconds(1));
    }
    CHECK(statusesOf(world.sent) == std::vector<int>{408});
    CHECK(world.now - Connection::Time(std::chrono::hours(1)) <= seconds(31));
  }
  SUBCASE("a drip of chunks") {
    world.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100 && !world.closing(); ++i) {
      world.send("1\r\nx\r\n");
      world.pass(seconds(1));
    }
    CHECK(statusesOf(world.sent) == std::vector<int>{408});
    CHECK(world.now - Connection::Time(std::chrono::hours(1)) <= seconds(31));
  }
  SUBCASE("8 KiB a second") {
    world.send(post(1 << 20));
    for (int i = 0; i < 128; ++i) {
      world.send(std::string(8192, 'x'));
      world.pass(seconds(1));
    }
    CHECK(statusesOf(world.sent) == std::vector<int>{200});
    CHECK_FALSE(world.closing());
  }
}

TEST_CASE("a client that does not take its answer is cut, one that takes it slowly is not") {
  World world;
  world.connection->receive(get("/large"), world.now);
  world.answer();
  SUBCASE("nothing is taken") {
    // What the system took off our hands is not what the client took.
    const auto part = world.connection->output().size();
    world.connection->wrote(part, world.now);
    world.connection->wrote(50'000, world.now);
    world.now += seconds(30);
    world.connection->expire(world.now, part + 50'000);
    CHECK(world.connection->finished());
    CHECK(world.connection->abandoned());
    CHECK(world.connection->held() == 0);
  }
  SUBCASE("8 KiB a second") {
    while (!world.connection->output().empty()) {
      const auto part = world.connection->output().substr(0, 8192);
      world.connection->wrote(part.size(), world.now);
      world.now += seconds(1);
      if (world.now >= world.connection->deadline()) world.connection->expire(world.now);
    }
    CHECK(world.connection->idle());
  }
}

TEST_CASE("bodies in flight are bounded over all connections") {
  World world;
  world.budget = std::make_unique<BodyBudget>(1000);
  world.open();
  world.send(post(900) + std::string(600, 'x'));
  CHECK(world.budget->used() == 600);
  auto first = std::move(world.connection);
  world.open();
  world.send(post(900) + std::string(600, 'x'));
  CHECK(statusesOf(world.sent) == std::vector<int>{503});
  CHECK(world.sent.find("\"code\":\"overloaded\"") != std::string::npos);
  CHECK(world.sent.find("Retry-After: ") != std::string::npos);
  CHECK(world.budget->used() == 600);
  first->receive(std::string(300, 'x'), world.now);
  REQUIRE(first->hasRequest());
  {
    auto exchange = first->takeRequest();
    CHECK(exchange.body.size() == 900);
    first.reset();  // the client leaves; the handler still has the body
    CHECK(world.budget->used() == 900);
  }
  CHECK(world.budget->used() == 0);
}

TEST_CASE("100-continue is sent when the body is wanted and not there yet") {
  World world;
  world.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(world.sent == "HTTP/1.1 100 Continue\r\n\r\n");
  world.send("abc");
  CHECK(world.sent.ends_with("\r\n\r\nabc"));
  world.open();
  world.send("POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  CHECK(statusesOf(world.sent) == std::vector<int>{404});
  CHECK(world.closing());
}

TEST_CASE("draining ends what idles, answers what runs, and refuses what is new") {
  World world;
  SUBCASE("idle") {
    world.send(get("/"));
    world.connection->drain(world.now);
    CHECK(world.connection->finished());
  }
  SUBCASE("at its first request") {
    world.connection->drain(world.now);
    CHECK_FALSE(world.connection->finished());
    world.send(get("/"));
    CHECK(statusesOf(world.sent) == std::vector<int>{503});
    CHECK(world.sent.find("shutting_down") != std::string::npos);
    CHECK(world.shut);
  }
  SUBCASE("running") {
    world.connection->receive(get("/") + get("/"), world.now);
    world.connection->drain(world.now);
    world.run();
    CHECK(statusesOf(world.sent) == std::vector<int>{200});
    CHECK(world.sent.find("Connection: close") != std::string::npos);
    CHECK(world.shut);
  }
  SUBCASE("in the middle of a body") {
    world.send(post(3) + "a");
    world.connection->drain(world.now);
    world.send("bc");
    CHECK(world.sent.ends_with("abc"));
    CHECK(world.shut);
  }
}

TEST_CASE("the last answer waits for the client to take it, but not for ever") {
  World world;
  const std::string last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  world.send(last);
  CHECK(world.shut);
  CHECK_FALSE(world.connection->finished());
  SUBCASE("the client closes") { world.connection->receiveEnd(); }
  SUBCASE("the client goes on sending") {
    for (int i = 0; i < 10 && !world.connection->finished(); ++i)
      world.connection->receive(std::string(50'000, 'x'), world.now);
  }
  SUBCASE("the client does nothing") { world.pass(world.limits.linger_timeout); }
  CHECK(world.connection->finished());
  CHECK(world.connection->held() == 0);
}

TEST_CASE("a client that only stops sending still gets its answer") {
  World world;
  world.connection->receive(get("/"), world.now);
  world.connection->receiveEnd();
  CHECK_FALSE(world.connection->wantsInput());
  world.run();
  CHECK(statusesOf(world.sent) == std::vector<int>{200});
  CHECK(world.connection->finished());
  world.open();
  world.send(post(10) + "abc");
  world.connection->receiveEnd();
  world.run();
  CHECK(world.sent.empty());
  CHECK(world.connection->finished());
  CHECK(world.budget->used() == 0);
}

TEST_CASE("who is beyond a limit is told so and closed") {
  World world;
  world.connection->turnAway(Error{Errc::overloaded, "too many", {}, 2}, world.now);
  world.take();
  CHECK(statusesOf(world.sent) == std::vector<int>{503});
  CHECK(world.shut);
  world.connection->receive(get("/"), world.now);
  CHECK_FALSE(world.connection->hasRequest());
}

TEST_CASE("a connection carries so many requests and then closes") {
  World world;
  world.limits.max_requests = 3;
  world.open();
  for (int i = 0; i < 3; ++i) world.send(get("/"));
  CHECK(statusesOf(world.sent) == std::vector<int>{200, 200, 200});
  CHECK(world.shut);
}

TEST_CASE("the wheel looks at each deadline when it is due, and seldom before") {
  using Time = TimerWheel::Time;
  const Time start{std::chrono::hours(3)};
  TimerWheel wheel(start);
  struct Timer {
    Time at;
    std::uint64_t scheduled = 0;
    int looks = 0;
    bool fired = false;
  };
  std::vector<Timer> timers(200);
  for (std::size_t i = 0; i < timers.size(); ++i) {
    timers[i].at = start + std::chrono::milliseconds(i * 731 % 120'000);
    wheel.schedule(i, timers[i].at, timers[i].scheduled);
  }
  // One that moves to the front, one that moves to the back.
  timers[7].at = start + std::chrono::milliseconds(100);
  wheel.schedule(7, timers[7].at, timers[7].scheduled);
  timers[8].at = start + std::chrono::seconds(150);
  wheel.schedule(8, timers[8].at, timers[8].scheduled);
  for (Time now = start; now <= start + std::chrono::seconds(200); now += std::chrono::milliseconds(90)) {
    wheel.advance(now, [&](std::uint64_t id, std::uint64_t slot) {
      Timer& timer = timers[id];
      if (timer.scheduled != slot) return;
      ++timer.looks;
      timer.scheduled = 0;
      if (now >= timer.at) {
        timer.fired = true;
        CHECK(now - timer.at < std::chrono::milliseconds(300));
      } else {
        wheel.schedule(id, timer.at, timer.scheduled);
      }
    });
  }
  for (const auto& timer : timers) {
    CHECK(timer.fired);
    CHECK(timer.looks <= 5);
  }
  CHECK(wheel.empty());
}
