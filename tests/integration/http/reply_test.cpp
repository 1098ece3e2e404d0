// Answers that another thread gives: requests wait for them without a thread, on the loop and behind workers.
#include <doctest/doctest.h>

#include <deque>
#include <thread>

#include "core/http/reply.hpp"
#include "tests/integration/http/http_world.hpp"

using namespace ccp;
using namespace ccp::http_test;

namespace {

/// Promises answers and keeps them until the test gives them.
struct Promises {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Reply> waiting;

  Result<Response> add() {
    Reply reply;
    auto later = reply.later();
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(reply));
    changed.notify_all();
    return later;
  }
  bool await(std::size_t n) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [&] { return waiting.size() >= n; });
  }
  Reply take() {
    const std::lock_guard lock(mutex);
    Reply out = std::move(waiting.front());
    waiting.pop_front();
    return out;
  }
};

struct PromisingWorld {
  Promises promises;
  World world;
  explicit PromisingWorld(ServerOptions options = {})
      : world(options, {}, [this](World& w) {
          RouteOptions on_loop;
          on_loop.on_loop = true;
          w.router.post("/loop", on_loop, [this](const Request&) { return promises.add(); });
          w.router.post("/worker", {}, [this](const Request&) { return promises.add(); });
          w.router.post("/kept", on_loop, [](const Request& r) -> Result<Response> {
            Reply reply;
            auto later = reply.later();
            reply.give(Response::text("kept " + r.body));
            return later;
          });
          w.router.post("/broken", on_loop, [](const Request&) -> Result<Response> { return Reply().later(); });
        }) {}
};

std::string post(const std::string& path, const std::string& body = "x") {
  return "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("an answer that is given later reaches its own request, and no thread waits for it") {
  ServerOptions options;
  options.threads = 2;
  PromisingWorld w(options);
  for (const char* path : {"/loop", "/worker"}) {
    CAPTURE(path);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (std::size_t i = 0; i < 50; ++i) {
      clients.push_back(std::make_unique<RawClient>(w.world.address));
      REQUIRE(clients.back()->send(post(path)));
      REQUIRE(w.promises.await(i + 1));
    }
    CHECK(statusOf(w.world.exchange(kLastHello)) == 200);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      std::thread([reply = w.promises.take(), i]() mutable { reply.give(Response::text("number " + std::to_string(i) + ".")); }).join();
    }
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::string mark = "number " + std::to_string(i) + ".";
      CHECK(clients[i]->readUntil(mark).find(mark) != std::string::npos);
      // The connection goes on.
      REQUIRE(clients[i]->send(kHello));
      CHECK(clients[i]->readUntil("hello").find("hello") != std::string::npos);
    }
  }
}

TEST_CASE("an error that is given later is rendered as any other") {
  PromisingWorld w;
  RawClient client(w.world.address);
  REQUIRE(client.send(post("/loop")));
  REQUIRE(w.promises.await(1));
  w.promises.take().give(fail(Error{Errc::overloaded, "later", {}, 7}));
  const auto answer = client.readUntil("next_step");
  CHECK(statusOf(answer) == 503);
  CHECK(answer.find("Retry-After: 7\r\n") != std::string::npos);
  CHECK(answer.find("X-Request-Id: ") != std::string::npos);
}

TEST_CASE("an answer that is there at once is given at once, and a promise that nobody keeps is an error") {
  PromisingWorld w;
  CHECK(w.world.exchange(post("/kept", "body") + kLastHello).find("kept body") != std::string::npos);
  CHECK(statusOf(w.world.exchange(post("/broken") + kLastHello)) == 500);
  RawClient client(w.world.address);
  REQUIRE(client.send(post("/worker")));
  REQUIRE(w.promises.await(1));
  { const Reply dropped = w.promises.take(); }
  CHECK(statusOf(client.readUntil("next_step")) == 500);
}

TEST_CASE("requests behind one that waits are answered after it, in order") {
  PromisingWorld w;
  RawClient client(w.world.address);
  REQUIRE(client.send(post("/loop") + kLastHello));
  REQUIRE(w.promises.await(1));
  w.promises.take().give(Response::text("first"));
  const auto answers = client.readAll();
  const auto first = answers.find("first"), second = answers.find("hello");
  REQUIRE(first != std::string::npos);
  REQUIRE(second != std::string::npos);
  CHECK(first < second);
}

TEST_CASE("clients that leave, and a server that ends, are no trouble to who gives the answer") {
  auto w = std::make_unique<PromisingWorld>();
  Promises& promises = w->promises;
  {
    RawClient leaves(w->world.address);
    REQUIRE(leaves.send(post("/loop")));
    REQUIRE(promises.await(1));
  }
  Reply of_gone = promises.take();
  CHECK(statusOf(w->world.exchange(kLastHello)) == 200);
  of_gone.give(Response::text("nobody"));
  CHECK(statusOf(w->world.exchange(kLastHello)) == 200);

  RawClient stays(w->world.address);
  REQUIRE(stays.send(post("/loop")));
  REQUIRE(promises.await(1));
  Reply late = promises.take();
  w->world.server->stop(milliseconds(10));
  late.give(Response::text("too late"));
  late.give(Response::text("twice"));
  w.reset();
}

TEST_CASE("a drain waits for what was promised") {
  PromisingWorld w;
  RawClient client(w.world.address);
  REQUIRE(client.send(post("/loop")));
  REQUIRE(w.promises.await(1));
  w.world.server->beginDrain();
  std::thread gives([reply = w.promises.take()]() mutable {
    std::this_thread::sleep_for(milliseconds(100));
    reply.give(Response::text("kept"));
  });
  CHECK(w.world.server->stop(seconds(5)));
  gives.join();
  const auto answer = client.readAll();
  CHECK(answer.find("kept") != std::string::npos);
  CHECK(answer.find("Connection: close") != std::string::npos);
}

TEST_CASE("a body counts until its promised answer is given") {
  ServerOptions options;
  options.body_budget = 1 << 20;
  PromisingWorld w(options);
  const std::string large = post("/loop", std::string(700'000, 'x'));
  for (const char* path : {"/loop", "/worker"}) {
    RawClient first(w.world.address);
    REQUIRE(first.send(post(path, std::string(700'000, 'x'))));
    REQUIRE(w.promises.await(1));
    RawClient second(w.world.address);
    REQUIRE(second.send(large));
    CHECK(statusOf(second.readUntil("next_step")) == 503);
    w.promises.take().give(Response::text("done"));
    CHECK(first.readUntil("done").find("done") != std::string::npos);
  }
}
