// A server with a few routes on a real port, for tests on sockets.
#pragma once

#include <doctest/doctest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "core/base/log.hpp"
#include "core/http/server.hpp"
#include "tests/integration/http/raw_client.hpp"

namespace ccp::http_test {

using namespace ccp::http;
using ccp::test::RawClient;
using ccp::test::statusOf;

/// Handlers that wait until the test lets them go.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return open_; });
    --inside_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool awaitInside(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return inside_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0;
  bool open_ = false;
};

struct World {
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  Router router;
  Gate gate;
  std::unique_ptr<Pipeline> pipeline;
  std::unique_ptr<HttpServer> server;
  std::string address;

  explicit World(ServerOptions options = {}, PipelineOptions pipeline_options = {}, const std::function<void(World&)>& routes = {}) {
    log::setSink([](std::string_view) {});
    RouteOptions json;
    json.content_types = {"application/json"};
    router.post("/json", json, [](const Request& r) -> Result<Response> {
      CCP_TRY(const Json body, r.json());
      return Response::json(Json::object({{"got", body}}));
    });
    router.post("/echo", {},
                [](const Request& r) -> Result<Response> { return Response::text(r.body); });
    router.get("/hello", {}, [](const Request& r) -> Result<Response> {
      return Response::text("hello " + r.query.getOr("n"));
    });
    router.get("/std", {},
               [](const Request&) -> Result<Response> { throw std::runtime_error("broken"); });
    router.get("/int", {}, [](const Request&) -> Result<Response> { throw 3; });
    router.get("/wait", {}, [this](const Request&) -> Result<Response> {
      gate.wait();
      return Response::text("waited");
    });
    if (routes) routes(*this);
    pipeline = std::make_unique<Pipeline>(
        pipeline_options, PipelineDeps{router, nullptr, nullptr, metrics, clock, random});
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    server = std::make_unique<HttpServer>(options, metrics);
    const auto bound = server->bind();
    REQUIRE(bound);
    address = *bound;
    REQUIRE(server->start(*pipeline));
  }
  ~World() {
    gate.open();
    server->stop(seconds(5));
    log::setSink({});
  }

  std::string exchange(const std::string& bytes) {
    RawClient client(address);
    client.send(bytes);
    return client.readAll();
  }
};

inline constexpr const char* kHello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
inline constexpr const char* kLastHello = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

}  // namespace ccp::http_test
