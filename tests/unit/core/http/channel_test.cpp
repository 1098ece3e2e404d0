// A connection through TLS: the same requests, answers and ends as in clear text, and what TLS adds to them.
#include <doctest/doctest.h>

#include "core/base/log.hpp"
#include "core/http/channel.hpp"
#include "core/http/pipeline.hpp"
#include "core/http/tls_acceptor.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/http_table.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::http;
using test::Issued;
using test::statusesOf;
using test::TlsClient;

namespace {

constexpr std::size_t kWhole = 1 << 20;

/// A server's half of a connection and a TLS client at the other end of the wire.
struct World final : ConnectionHost {
  test::FakeClock clock{std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())};
  test::SeededRandom random;
  Metrics metrics;
  Router router;
  std::unique_ptr<Pipeline> pipeline;
  ConnectionLimits limits;
  BodyBudget budget{1 << 20};
  test::TestCa ca;
  Issued server = ca.issue();
  TlsAcceptor acceptor{clock, random, metrics};
  Connection::Time now{std::chrono::hours(1)};
  std::unique_ptr<Channel> channel;
  std::unique_ptr<TlsClient> client;
  bool shut = false;
  std::size_t most_unsent = 0;

  explicit World(PipelineOptions options = {}) {
    log::setSink([](std::string_view) {});
    test::addTableRoutes(router);
    router.get("/large", {}, [](const Request&) -> Result<Response> { return Response::text(std::string(1'000'000, 'x')); });
    router.get("/who", {}, [](const Request& request) -> Result<Response> {
      return Response::text(request.client_certificate ? request.client_certificate->subject : "nobody");
    });
    pipeline = std::make_unique<Pipeline>(std::move(options), PipelineDeps{router, nullptr, nullptr, metrics, clock, random});
    use(config::ClientAuth::none, {});
    open();
  }
  ~World() override {
    channel.reset();
    log::setSink({});
  }
  void use(config::ClientAuth auth, const std::string& authorities) {
    TlsMaterial material;
    material.certificates = server.certificate;
    material.key = SecretBytes(std::string_view(server.key));
    material.client_auth = auth;
    material.client_ca = authorities;
    REQUIRE(acceptor.use(material));
  }
  void open(const Issued& shown = {}) {
    channel = std::make_unique<Channel>(*this, budget, limits, acceptor.accept(), now);
    TlsClient::Options options;
    options.ca = ca.certificate();
    options.certificate = shown;
    client = std::make_unique<TlsClient>(options);
    shut = false;
    most_unsent = 0;
  }

  Admission admit(Head head) override {
    head.request.client_certificate = channel->clientCertificate();
    return pipeline->admit(std::move(head), "192.0.2.1");
  }
  Response reject(const Error& error) override { return pipeline->reject(error, "192.0.2.1"); }
  Response refuse(Ticket& ticket, const Error& error) override { return pipeline->refuse(ticket, error); }

  /// The client takes `portion` bytes at a time, until nothing is left.
  void take(std::size_t portion) {
    for (;;) {
      const auto part = channel->output().substr(0, portion);
      if (part.empty()) break;
      most_unsent = std::max(most_unsent, channel->output().size());
      client->receive(part);
      channel->wrote(part.size(), now);
    }
    shut = channel->takeShutdown() || shut;
  }
  /// Everything goes on until nobody has anything to say.
  void talk(std::size_t step = kWhole) {
    for (;;) {
      const auto up = client->take();
      for (std::size_t at = 0; at < up.size() && !channel->finished(); at += step) {
        REQUIRE(channel->wantsInput());
        channel->receive(std::string_view(up).substr(at, step), now);
        run(step);
      }
      run(step);
      if (up.empty()) return;
    }
  }
  void run(std::size_t step) {
    for (take(step); channel->hasRequest(); take(step)) {
      auto exchange = channel->takeRequest();
      channel->answer(pipeline->handle(exchange.ticket, std::move(exchange.body)), now);
    }
  }
  void pass(Duration time) {
    now += time;
    if (now >= channel->deadline()) channel->expire(now);
    run(kWhole);
  }
};

std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

}  // namespace

TEST_CASE("every case of the RFC 9112 table has its outcome through TLS as well") {
  World world;
  for (const auto& c : test::readHttpTable(CCP_SOURCE_DIR "/tests/fixtures/http/rfc9112.txt")) {
    CAPTURE(c.name);
    const bool head = c.bytes.starts_with("HEAD");
    for (const std::size_t step : {std::size_t{7}, kWhole}) {
      world.open();
      world.talk();
      REQUIRE(world.client->established());
      world.client->write(c.bytes);
      world.talk(step);
      const bool closing = world.shut || world.channel->finished();
      CHECK(test::outcomeText(statusesOf(world.client->plain(), head), closing) == test::outcomeText(c.statuses, c.close));
      if (world.shut) CHECK(world.client->sawFarewell());
      CHECK(world.budget.used() == 0);
    }
  }
}

TEST_CASE("a large answer is sealed as the client takes it") {
  World world;
  world.talk();
  world.client->write(get("/large") + get("/who"));
  world.talk(10'000);
  CHECK(statusesOf(world.client->plain()) == std::vector{200, 200});
  CHECK(world.client->plain().size() > 1'000'000);
  CHECK(world.most_unsent < 70'000);
  CHECK_FALSE(world.channel->finished());
  CHECK(world.channel->held() == 0);
}

TEST_CASE("a handshake that does not end is cut at its deadline, however it drips") {
  World world;
  const auto hello = world.client->take();
  for (int second = 0; second < 9; ++second) {
    world.channel->receive(std::string_view(hello).substr(static_cast<std::size_t>(second), 1), world.now);
    world.pass(seconds(1));
    CHECK_FALSE(world.channel->finished());
  }
  world.pass(seconds(1));
  CHECK(world.channel->finished());
  CHECK(world.channel->farewell().empty());
}

TEST_CASE("an idle connection ends with a farewell") {
  World world;
  world.talk();
  world.client->write(get("/who"));
  world.talk();
  world.pass(world.limits.idle_timeout);
  REQUIRE(world.channel->finished());
  const std::string farewell(world.channel->farewell());
  CHECK_FALSE(farewell.empty());
  world.client->receive(farewell);
  CHECK(world.client->sawFarewell());
}

TEST_CASE("a client that stops in the middle of its request, with or without a farewell, is gone") {
  for (const bool polite : {true, false}) {
    World world;
    world.talk();
    world.client->write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    if (polite) world.client->sayFarewell();
    world.talk();
    if (!polite) world.channel->receiveEnd();
    CHECK(world.channel->finished());
    CHECK(world.budget.used() == 0);
  }
}

TEST_CASE("a client that says farewell behind its request gets the answer") {
  World world;
  world.talk();
  world.client->write(get("/large"));
  world.client->sayFarewell();
  world.talk();
  CHECK(statusesOf(world.client->plain()) == std::vector{200});
  CHECK(world.channel->finished());
}

TEST_CASE("a broken record ends the connection, also while an answer is being made") {
  World world;
  world.talk();
  world.client->write(get("/who"));
  world.channel->receive(world.client->take(), world.now);
  REQUIRE(world.channel->hasRequest());
  auto exchange = world.channel->takeRequest();
  world.channel->receive(std::string_view("\x17\x03\x03\x00\x20" "0123456789012345678901234567890123", 39), world.now);
  CHECK(world.channel->finished());
  CHECK_FALSE(world.channel->wantsInput());
  CHECK_FALSE(world.channel->output().empty());  // the alert
  world.channel->answer(world.pipeline->handle(exchange.ticket, {}), world.now);
  world.take(kWhole);
  CHECK(world.client->plain().empty());
}

TEST_CASE("http:// gets its answer, and the connection ends") {
  World world;
  world.channel->receive(get("/"), world.now);
  CHECK(world.channel->output().starts_with("HTTP/1.1 400 "));
  CHECK(world.channel->finished());
}

TEST_CASE("a client that never reads cannot make the server hold more and more") {
  World world;
  world.talk();
  std::size_t fed = 0;
  // Questions for new keys, each of which wants an answer.
  while (world.channel->wantsInput() && fed < 1'000'000) {
    world.client->updateKeys();
    world.client->write(get("/who"));
    const auto up = world.client->take();
    fed += up.size();
    world.channel->receive(up, world.now);
    if (world.channel->hasRequest()) {
      auto exchange = world.channel->takeRequest();
      world.channel->answer(world.pipeline->handle(exchange.ticket, {}), world.now);
    }
  }
  CHECK(fed < 1'000'000);
  CHECK(world.channel->held() < 200'000);
}

TEST_CASE("routes see the certificate; some paths demand one") {
  PipelineOptions options;
  options.client_certificate_paths = {"/echo/"};
  World world(std::move(options));
  test::TestCa clusters("Clusters");
  test::Wanted wanted;
  wanted.subject = "cluster-7";
  wanted.usage = "clientAuth";
  world.use(config::ClientAuth::optional, clusters.certificate());
  const auto outcome = [&](const Issued& shown, const std::string& request) {
    world.open(shown);
    world.talk();
    world.client->write(request);
    world.talk();
    return world.client->plain();
  };
  const auto good = clusters.issue(wanted);
  CHECK(outcome(good, get("/who")).ends_with("CN=cluster-7,O=Acme"));
  CHECK(outcome({}, get("/who")).ends_with("nobody"));
  const std::string echo = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
  CHECK(outcome(good, echo).starts_with("HTTP/1.1 200 "));
  const auto refused = outcome({}, echo);
  CHECK(refused.starts_with("HTTP/1.1 403 "));
  CHECK(refused.find("client_certificate_required") != std::string::npos);
  CHECK(outcome({}, get("/echoes")).starts_with("HTTP/1.1 404 "));
  CHECK(outcome({}, get("/echo/nothing")).starts_with("HTTP/1.1 403 "));
}

TEST_CASE("without a transport nothing is added") {
  World world;
  Channel plain(world, world.budget, world.limits, nullptr, world.now);
  plain.receive(get("/who"), world.now);
  REQUIRE(plain.hasRequest());
  auto exchange = plain.takeRequest();
  plain.answer(world.pipeline->handle(exchange.ticket, {}), world.now);
  CHECK(plain.output().starts_with("HTTP/1.1 200 "));
  plain.wrote(plain.output().size(), world.now);
  CHECK(plain.farewell().empty());
  CHECK(plain.clientCertificate() == nullptr);
}
