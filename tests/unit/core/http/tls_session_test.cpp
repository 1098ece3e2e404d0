// TLS without a socket: our sessions and OpenSSL's client exchange bytes in memory.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include <functional>
#include <map>
#include <random>

#include "core/base/log.hpp"
#include "core/http/tls_acceptor.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::http;
using namespace ccp::test;

namespace {

constexpr std::size_t kWhole = 1 << 20;

struct Side {
  std::unique_ptr<Transport> transport;
  std::string plain, wire;
  Status status;
};

/// A listener with a certificate, and what connects to it.
struct World {
  FakeClock clock{std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())};
  SeededRandom random;
  Metrics metrics;
  TestCa ca;
  Issued server = ca.issue();
  TlsAcceptor acceptor{clock, random, metrics};

  World() { log::setSink([](std::string_view) {}); }
  ~World() { log::setSink({}); }

  TlsMaterial material() const {
    TlsMaterial out;
    out.certificates = server.certificate;
    out.key = SecretBytes(std::string_view(server.key));
    return out;
  }
  World& ready() {
    const auto used = acceptor.use(material());
    REQUIRE_MESSAGE(used.has_value(), used.error().detail);
    return *this;
  }
  World& asking(config::ClientAuth auth, const std::string& authorities) {
    auto wanted = material();
    wanted.client_auth = auth;
    wanted.client_ca = authorities;
    const auto used = acceptor.use(wanted);
    REQUIRE_MESSAGE(used.has_value(), used.error().detail);
    return *this;
  }
  TlsClient::Options client() const {
    TlsClient::Options out;
    out.ca = ca.certificate();
    return out;
  }
  Side accept() { return {acceptor.accept(), {}, {}, {}}; }
  double failures(const std::string& reason) { return metrics.counter("ccp_tls_failures_total", "", {{"reason", reason}}).value(); }
};

/// Carries bytes both ways, `step` at a time, until nobody has any left.
void talk(TlsClient& client, Side& side, std::size_t step = kWhole) {
  for (;;) {
    const std::string up = client.take();
    for (std::size_t at = 0; at < up.size() && side.status; at += step)
      side.status = side.transport->receive(std::string_view(up).substr(at, step), side.plain, side.wire);
    const std::string down = std::move(side.wire);
    side.wire.clear();
    for (std::size_t at = 0; at < down.size(); at += step) client.receive(std::string_view(down).substr(at, step));
    if (up.empty() && down.empty()) return;
  }
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::mt19937 engine(7);
  for (auto& c : out) c = static_cast<char>(engine() & 0xff);
  return out;
}

}  // namespace

TEST_CASE("both versions carry data both ways, however the bytes are cut") {
  World world;
  world.ready();
  for (const bool old : {true, false}) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::size_t{333}, kWhole}) {
      CAPTURE(step);
      auto options = world.client();
      options.tls12 = old;
      TlsClient client(options);
      auto side = world.accept();
      CHECK_FALSE(side.transport->established());
      talk(client, side, step);
      REQUIRE(client.established());
      REQUIRE(side.transport->established());
      CHECK(client.version() == (old ? "TLSv1.2" : "TLSv1.3"));
      CHECK(client.serverFingerprint() == fingerprintOf(world.server.certificate));
      client.write("GET / HTTP/1.1\r\n");
      talk(client, side, step);
      CHECK(side.plain == "GET / HTTP/1.1\r\n");
      const auto answer = pattern(40'000);
      REQUIRE(side.transport->seal(answer, side.wire).has_value());
      CHECK(side.wire.size() < answer.size() + 200);
      talk(client, side, step);
      CHECK(client.plain() == answer);
      CHECK(side.transport->clientCertificate() == nullptr);
    }
  }
}

TEST_CASE("the first flight may be cut anywhere") {
  World world;
  world.ready();
  TlsClient first(world.client());
  const auto size = first.take().size();
  for (std::size_t cut = 0; cut <= size; cut += 3) {
    TlsClient client(world.client());
    auto side = world.accept();
    const std::string hello = client.take();
    REQUIRE(side.transport->receive(std::string_view(hello).substr(0, cut), side.plain, side.wire).has_value());
    if (cut < hello.size()) CHECK(side.wire.empty());
    REQUIRE(side.transport->receive(std::string_view(hello).substr(std::min(cut, hello.size())), side.plain, side.wire).has_value());
    talk(client, side);
    CHECK(client.established());
  }
}

TEST_CASE("data may arrive with the end of the handshake, and much of it at once") {
  World world;
  world.ready();
  TlsClient client(world.client());
  auto side = world.accept();
  side.status = side.transport->receive(client.take(), side.plain, side.wire);
  client.receive(side.wire);
  side.wire.clear();
  const auto body = pattern(300'000);
  client.write(body);
  talk(client, side);
  CHECK(side.plain == body);
}

TEST_CASE("a session is resumed by its ticket, in both versions") {
  World world;
  world.ready();
  for (const bool old : {true, false}) {
    auto options = world.client();
    options.tls12 = old;
    TlsClient first(options);
    auto side = world.accept();
    talk(first, side);
    REQUIRE(first.established());
    CHECK_FALSE(first.resumed());
    REQUIRE_FALSE(first.session().empty());
    options.session = first.session();
    TlsClient second(options);
    auto again = world.accept();
    talk(second, again, 1);
    REQUIRE(second.established());
    CHECK(second.resumed());
    second.write("x");
    talk(second, again);
    CHECK(again.plain == "x");
  }
  CHECK(world.metrics.counter("ccp_tls_handshakes_total", "", {{"version", "1.2"}, {"resumed", "true"}}).value() == 1);
  CHECK(world.metrics.counter("ccp_tls_handshakes_total", "", {{"version", "1.3"}, {"resumed", "false"}}).value() == 1);
}

TEST_CASE("tickets outlive a new certificate and one change of their key, and then end") {
  World world;
  world.ready();
  auto options = world.client();
  const auto connect = [&] {
    TlsClient client(options);
    auto side = world.accept();
    talk(client, side);
    REQUIRE(client.established());
    return client.resumed();
  };
  TlsClient first(options);
  auto side = world.accept();
  talk(first, side);
  options.session = first.session();
  CHECK(connect());
  world.server = world.ca.issue();
  world.ready();
  CHECK(connect());
  world.clock.advance(TicketKeys::kPeriod + seconds(1));
  CHECK(connect());
  world.clock.advance(TicketKeys::kLifetime);
  CHECK_FALSE(connect());
}

TEST_CASE("ticket keys change every period, and open as long as they live") {
  FakeClock clock;
  SeededRandom random;
  TicketKeys keys(clock, random);
  const auto first = keys.current();
  CHECK(keys.current().name == first.name);
  CHECK(keys.find(first.name)->seals);
  clock.advance(TicketKeys::kPeriod);
  const auto second = keys.current();
  CHECK(second.name != first.name);
  CHECK(second.cipher != first.cipher);
  CHECK_FALSE(keys.find(first.name)->seals);
  CHECK(keys.find(first.name)->key.mac == first.mac);
  clock.advance(TicketKeys::kLifetime);
  CHECK_FALSE(keys.find(first.name).has_value());
  CHECK_FALSE(keys.find(std::array<std::uint8_t, 16>{}).has_value());
}

TEST_CASE("ALPN: http/1.1, or nothing said, or an alert") {
  World world;
  world.ready();
  using Names = std::vector<std::string>;
  for (const auto& offered : {Names{}, Names{"http/1.1"}, Names{"h2", "http/1.1"}}) {
    auto options = world.client();
    options.alpn = offered;
    TlsClient client(options);
    auto side = world.accept();
    talk(client, side);
    CHECK(client.established());
    CHECK(client.protocol() == (offered.empty() ? "" : "http/1.1"));
  }
  auto options = world.client();
  options.alpn = {"h2"};
  TlsClient client(options);
  auto side = world.accept();
  talk(client, side);
  CHECK(client.failed());
  CHECK_FALSE(side.status.has_value());
  CHECK(world.failures("alpn") == 1);
}

TEST_CASE("what is old or weak is refused") {
  World world;
  world.ready();
  const auto refused = [&](const std::function<void(TlsClient::Options&)>& change) {
    auto options = world.client();
    change(options);
    TlsClient client(options);
    auto side = world.accept();
    talk(client, side);
    CHECK_FALSE(side.transport->established());
    CHECK_FALSE(side.status.has_value());
    CHECK(client.failed());
  };
  refused([](auto& o) { o.tls11 = true; });
  CHECK(world.failures("protocol") == 1);
  refused([](auto& o) {
    o.tls12 = true;
    o.ciphers12 = "ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256:AES128-SHA";  // CBC; no forward secrecy
  });
  CHECK(world.failures("no_shared_cipher") == 1);
  auto strict = world.material();
  strict.tls12 = false;
  REQUIRE(world.acceptor.use(strict).has_value());
  refused([](auto& o) { o.tls12 = true; });
}

TEST_CASE("renegotiation is refused") {
  World world;
  world.ready();
  auto options = world.client();
  options.tls12 = true;
  TlsClient client(options);
  auto side = world.accept();
  talk(client, side);
  client.renegotiate();
  talk(client, side);
  // OpenSSL's client gives up when it is told no.
  CHECK(client.failed());
  CHECK(side.plain.empty());
  CHECK(world.failures("peer_alert") == 1);
  CHECK(world.metrics.counter("ccp_tls_handshakes_total", "", {{"version", "1.2"}, {"resumed", "false"}}).value() == 1);
}

TEST_CASE("a client's certificate is known to routes when its authority is ours") {
  using Auth = config::ClientAuth;
  World world;
  TestCa clusters("Clusters");
  Wanted wanted;
  wanted.subject = "cluster-7";
  wanted.names = {};
  wanted.usage = "clientAuth";
  const auto good = clusters.issue(wanted);
  const auto revoked = clusters.issue(wanted);
  const auto stranger = TestCa("Strangers").issue(wanted);
  auto late = wanted;
  late.from_s = -86400;
  late.until_s = -60;
  const auto expired = clusters.issue(late);
  auto other = wanted;
  other.usage = "serverAuth";
  const auto for_servers = clusters.issue(other);
  const auto authorities = clusters.certificate() + clusters.revoke(revoked);

  for (const auto auth : {Auth::optional, Auth::required}) {
    world.asking(auth, authorities);
    for (const bool old : {true, false}) {
      const auto connect = [&](const Issued& shown, const std::string& session = {}) {
        auto options = world.client();
        options.tls12 = old;
        options.certificate = shown;
        options.session = session;
        auto client = std::make_unique<TlsClient>(options);
        auto side = world.accept();
        talk(*client, side);
        return std::pair(std::move(client), std::move(side));
      };
      auto [client, side] = connect(good);
      REQUIRE(side.transport->established());
      auto shown = side.transport->clientCertificate();
      REQUIRE(shown != nullptr);
      CHECK(shown->fingerprint == fingerprintOf(good.certificate));
      CHECK(shown->subject == "CN=cluster-7,O=Acme");
      // Resumed, it is known as well.
      auto [resumed, side_resumed] = connect(good, client->session());
      REQUIRE(side_resumed.transport->established());
      CHECK(resumed->resumed());
      REQUIRE(side_resumed.transport->clientCertificate() != nullptr);
      CHECK(side_resumed.transport->clientCertificate()->fingerprint == shown->fingerprint);
      for (const auto* bad : {&stranger, &expired, &for_servers, &revoked}) {
        auto [refused, side_refused] = connect(*bad);
        CHECK_FALSE(side_refused.transport->established());
        CHECK_FALSE(side_refused.status.has_value());
        CHECK(side_refused.transport->clientCertificate() == nullptr);
      }
      auto [without, side_without] = connect({});
      CHECK(side_without.transport->established() == (auth == Auth::optional));
      CHECK(side_without.transport->clientCertificate() == nullptr);
    }
  }
  CHECK(world.failures("client_certificate_refused") == 16);
  CHECK(world.failures("client_certificate_missing") == 2);
}

TEST_CASE("a session that is resumed does not outlive the client's certificate") {
  using Auth = config::ClientAuth;
  World world;
  TestCa clusters("Clusters");
  Wanted wanted;
  wanted.subject = "cluster-7";
  wanted.names = {};
  wanted.usage = "clientAuth";
  wanted.until_s = 3;
  const auto short_lived = clusters.issue(wanted);
  world.asking(Auth::required, clusters.certificate());
  const auto connect = [&](bool old, const std::string& session) {
    auto options = world.client();
    options.tls12 = old;
    options.certificate = short_lived;
    options.session = session;
    auto client = std::make_unique<TlsClient>(options);
    auto side = world.accept();
    talk(*client, side);
    return std::pair(std::move(client), std::move(side));
  };
  auto [old_client, old_side] = connect(true, {});
  auto [new_client, new_side] = connect(false, {});
  REQUIRE(old_side.transport->established());
  REQUIRE(new_side.transport->established());
  std::this_thread::sleep_for(std::chrono::seconds(4));  // OpenSSL asks the system for the time
  for (const bool old : {true, false}) {
    auto [client, side] = connect(old, old ? old_client->session() : new_client->session());
    CHECK_FALSE(side.transport->established());
    CHECK_FALSE(side.status.has_value());
    CHECK(side.transport->clientCertificate() == nullptr);
  }
  CHECK(world.failures("client_certificate_refused") == 2);
}

TEST_CASE("another authority of clients ends what was proved to the one before") {
  World world;
  TestCa clusters("Clusters"), others("Others");
  Wanted wanted;
  wanted.usage = "clientAuth";
  const auto good = clusters.issue(wanted);
  world.asking(config::ClientAuth::optional, clusters.certificate());
  auto options = world.client();
  options.certificate = good;
  TlsClient first(options);
  auto side = world.accept();
  talk(first, side);
  REQUIRE(side.transport->clientCertificate() != nullptr);
  world.asking(config::ClientAuth::optional, others.certificate());
  options.session = first.session();
  options.certificate = {};
  TlsClient second(options);
  auto again = world.accept();
  talk(second, again);
  CHECK_FALSE(second.resumed());
  CHECK(again.transport->clientCertificate() == nullptr);
}

TEST_CASE("an end with farewell differs from one that was cut") {
  World world;
  world.ready();
  for (const bool polite : {true, false}) {
    TlsClient client(world.client());
    auto side = world.accept();
    talk(client, side);
    client.write("half of a requ");
    if (polite) client.sayFarewell();
    talk(client, side);
    CHECK(side.plain == "half of a requ");
    CHECK(side.transport->closedByPeer() == polite);
    // We may still answer and say farewell ourselves.
    REQUIRE(side.transport->seal("bye", side.wire).has_value());
    side.transport->close(side.wire);
    const auto said = side.wire.size();
    side.transport->close(side.wire);
    CHECK(side.wire.size() == said);
    CHECK_FALSE(side.transport->seal("more", side.wire).has_value());
    talk(client, side);
    if (!polite) {
      CHECK(client.plain() == "bye");
      CHECK(client.sawFarewell());
    }
  }
}

TEST_CASE("nothing is sealed before the handshake, and no farewell is said to strangers") {
  World world;
  world.ready();
  auto side = world.accept();
  CHECK_FALSE(side.transport->seal("secret", side.wire).has_value());
  side.transport->close(side.wire);
  CHECK(side.wire.empty());
}

TEST_CASE("garbage ends a connection at once and harms no other") {
  World world;
  world.ready();
  TlsClient client(world.client());
  auto good = world.accept();
  good.status = good.transport->receive(client.take(), good.plain, good.wire);
  std::mt19937 engine(11);
  for (int round = 0; round < 200; ++round) {
    auto bad = world.accept();
    std::string noise(1 + engine() % 2000, '\0');
    for (auto& c : noise) c = static_cast<char>(engine() & 0xff);
    if (round % 2 == 0) noise.replace(0, std::min<std::size_t>(5, noise.size()), std::string_view("\x16\x03\x01\x00\x40", 5).substr(0, noise.size()));
    for (std::size_t at = 0; at < noise.size() && bad.status; at += 100)
      bad.status = bad.transport->receive(std::string_view(noise).substr(at, 100), bad.plain, bad.wire);
    CHECK_FALSE(bad.transport->established());
    CHECK(bad.plain.empty());
    CHECK(bad.wire.size() <= 200);
    if (!bad.status) CHECK_FALSE(bad.transport->receive("more", bad.plain, bad.wire).has_value());
  }
  talk(client, good);
  CHECK(client.established());
}

TEST_CASE("every changed byte of a record is noticed") {
  World world;
  world.ready();
  for (std::size_t at = 0; at < 40; ++at) {
    TlsClient client(world.client());
    auto side = world.accept();
    talk(client, side);
    client.write("0123456789abcdef");
    auto record = client.take();
    if (at >= record.size()) break;
    record[at] = static_cast<char>(record[at] ^ 1);
    side.status = side.transport->receive(record, side.plain, side.wire);
    // A longer length waits for more; everything else fails. No byte comes out in any case.
    if (side.status) side.status = side.transport->receive(std::string(20'000, 'x'), side.plain, side.wire);
    CHECK_FALSE(side.status.has_value());
    CHECK(side.plain.empty());
  }
}

TEST_CASE("HTTP on the port of TLS is told so") {
  World world;
  world.ready();
  auto side = world.accept();
  side.status = side.transport->receive("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", side.plain, side.wire);
  CHECK_FALSE(side.status.has_value());
  CHECK(side.wire.starts_with("HTTP/1.1 400 "));
  CHECK(side.wire.ends_with("\r\n\r\nThis port speaks TLS: use https://.\n"));
  CHECK(world.failures("plain_http") == 1);
}

TEST_CASE("giant records and giant handshakes are refused before they are held") {
  World world;
  world.ready();
  {
    auto side = world.accept();
    side.status = side.transport->receive(std::string_view("\x16\x03\x01\xff\xff\x01\x00\xff\xff", 9), side.plain, side.wire);
    CHECK_FALSE(side.status.has_value());
  }
  {
    // A client hello of 120,000 bytes, in records of 16,000.
    auto side = world.accept();
    std::size_t fed = 0;
    std::string body("\x01\x01\xd4\xc0\x03\x03", 6);
    while (side.status && fed < 200'000) {
      body.resize(16'000, 'x');
      side.status = side.transport->receive(std::string("\x16\x03\x01\x3e\x80", 5) + body, side.plain, side.wire);
      fed += body.size();
      body.clear();
    }
    CHECK_FALSE(side.status.has_value());
    CHECK(fed <= kTlsMaxSilentBytes + 16'000);
  }
  TlsClient client(world.client());
  auto side = world.accept();
  talk(client, side);
  side.status = side.transport->receive(std::string_view("\x17\x03\x03\xff\xff", 5), side.plain, side.wire);
  CHECK_FALSE(side.status.has_value());
}

TEST_CASE("handshake records without end are no way to keep a server busy") {
  World world;
  world.ready();
  auto options = world.client();
  options.tls13 = true;
  TlsClient client(options);
  auto side = world.accept();
  talk(client, side);
  std::size_t sent = 0, answered = 0;
  while (side.status && sent < 1'000'000) {
    client.updateKeys();
    const auto bytes = client.take();
    sent += bytes.size();
    side.status = side.transport->receive(bytes, side.plain, side.wire);
    answered += side.wire.size();
    side.wire.clear();
  }
  CHECK_FALSE(side.status.has_value());
  CHECK(sent <= kTlsMaxSilentBytes + 100);
  CHECK(answered <= sent + 100);
}

TEST_CASE("a new certificate serves new connections; the old ones go on; a bad one changes nothing") {
  World world;
  world.ready();
  TlsClient old_client(world.client());
  auto old_side = world.accept();
  talk(old_client, old_side);
  const auto before = fingerprintOf(world.server.certificate);
  auto broken = world.material();
  broken.key = SecretBytes(std::string_view(world.ca.issue().key));
  CHECK_FALSE(world.acceptor.use(broken).has_value());
  CHECK(world.acceptor.current()->certificate().fingerprint == before);
  world.server = world.ca.issue();
  world.ready();
  TlsClient new_client(world.client());
  auto new_side = world.accept();
  talk(new_client, new_side);
  CHECK(new_client.serverFingerprint() == fingerprintOf(world.server.certificate));
  CHECK(new_client.serverFingerprint() != before);
  old_client.write("still");
  talk(old_client, old_side);
  CHECK(old_side.plain == "still");
}

TEST_CASE("what is wrong with certificates and keys is said before anybody connects") {
  World world;
  const auto refusal = [&](const std::function<void(TlsMaterial&)>& change) {
    auto material = world.material();
    change(material);
    TicketKeys tickets(world.clock, world.random);
    const auto made = TlsContext::make(material, tickets, world.clock.now());
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Errc::config_invalid);
    return made.error().detail;
  };
  const auto issued = [&](const std::function<void(Wanted&)>& change) {
    return [&, change](TlsMaterial& material) {
      Wanted wanted;
      change(wanted);
      const auto pair = world.ca.issue(wanted);
      material.certificates = pair.certificate;
      material.key = SecretBytes(std::string_view(pair.key));
    };
  };
  CHECK(refusal([](auto& m) { m.certificates.clear(); }).find("cert_file: holds no certificate in PEM") == 0);
  CHECK(refusal([](auto& m) { m.certificates = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"; }).find("cannot be read") != std::string::npos);
  CHECK(refusal([](auto& m) { m.key = SecretBytes(std::string_view("nothing")); }).find("key_file: holds no private key") == 0);
  CHECK(refusal([&](auto& m) { m.key = SecretBytes(std::string_view(encryptedKey(world.server.key))); }).find("passphrase") != std::string::npos);
  CHECK(refusal([&](auto& m) { m.key = SecretBytes(std::string_view(world.ca.issue().key)); }).find("is not the key of the certificate") != std::string::npos);
  CHECK(refusal([&](auto& m) { m.certificates = world.ca.certificate() + m.certificates; }).find("comes first there") != std::string::npos);
  CHECK(refusal(issued([](Wanted& w) { w.from_s = -86400, w.until_s = -10; })).find("has expired at 20") != std::string::npos);
  CHECK(refusal(issued([](Wanted& w) { w.from_s = 3600; })).find("is not valid before") != std::string::npos);
  CHECK(refusal(issued([](Wanted& w) { w.usage = "clientAuth"; })).find("not a certificate for servers") != std::string::npos);
  CHECK(refusal(issued([](Wanted& w) { w.rsa_bits = 1024; })).find("cannot be used (ee key too small)") != std::string::npos);
  const auto asked = [](const std::string& authorities) {
    return [authorities](TlsMaterial& m) {
      m.client_auth = config::ClientAuth::optional;
      m.client_ca = authorities;
    };
  };
  CHECK(refusal(asked("")).find("client_ca_file: holds no certificate") == 0);
  CHECK(refusal(asked(world.server.certificate)).find("which is no certificate authority") != std::string::npos);
  CHECK(refusal([](auto& m) { m.certificates.assign(300'000, 'x'); }).find("larger than") != std::string::npos);
}

TEST_CASE("a certificate says whom it is good for, and until when") {
  World world;
  Wanted wanted;
  wanted.subject = "ccp.acme.dev";
  wanted.names = {"DNS:ccp.acme.dev", "DNS:*.ccp.acme.dev", "IP:192.0.2.7"};
  wanted.rsa_bits = 2048;
  world.server = world.ca.issue(wanted);
  world.ready();
  const auto current = world.acceptor.current();
  const auto& info = current->certificate();
  CHECK(info.subject == "CN=ccp.acme.dev,O=Acme");
  CHECK(info.names == std::vector<std::string>{"ccp.acme.dev", "*.ccp.acme.dev", "192.0.2.7"});
  CHECK(info.fingerprint == fingerprintOf(world.server.certificate));
  CHECK(info.not_after > world.clock.now() + hours(24 * 29));
  CHECK(info.not_after < world.clock.now() + hours(24 * 31));
  CHECK(current->covers("ccp.acme.dev"));
  CHECK(current->covers("eu.ccp.acme.dev"));
  CHECK(current->covers("192.0.2.7"));
  CHECK_FALSE(current->covers("acme.dev"));
}
