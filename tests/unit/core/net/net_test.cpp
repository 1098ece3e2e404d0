#include <Poco/Net/Context.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>

#include "core/base/file.hpp"
#include "core/net/address.hpp"
#include "core/net/http_client.hpp"
#include "core/net/mailer.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::net;

namespace {

/// A server of one connection that answers with fixed bytes, all at once or one every 50 ms.
class OneShotServer {
 public:
  OneShotServer(std::string answer, bool drip) : OneShotServer(std::make_unique<Poco::Net::ServerSocket>(Poco::Net::SocketAddress("127.0.0.1", 0)), std::move(answer), drip) {}
  OneShotServer(std::unique_ptr<Poco::Net::ServerSocket> listener, std::string answer, bool drip) : listener_(std::move(listener)) {
    thread_ = std::thread([this, answer = std::move(answer), drip] {
      try {
        auto peer = listener_->acceptConnection();
        char buffer[4096];
        const int n = peer.receiveBytes(buffer, sizeof buffer);
        received.assign(buffer, static_cast<std::size_t>(std::max(n, 0)));
        for (std::size_t i = 0; i < answer.size();) {
          const std::size_t chunk = drip ? 1 : answer.size();
          peer.sendBytes(answer.data() + i, static_cast<int>(chunk));
          i += chunk;
          if (drip) peer.poll(Poco::Timespan(0, 50'000), Poco::Net::Socket::SELECT_ERROR);
        }
      } catch (const Poco::Exception&) {  // the client went away, as some tests want
      }
    });
  }
  ~OneShotServer() { thread_.join(); }
  int port() const { return listener_->address().port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()) + "/x?y=1"; }
  std::string received;

 private:
  std::unique_ptr<Poco::Net::ServerSocket> listener_;
  std::thread thread_;
};

/// The same over TLS, with a certificate of `ca`.
class SecureServer {
 public:
  SecureServer(test::TestCa& ca, const test::Wanted& wanted) {
    const auto issued = ca.issue(wanted);
    REQUIRE(writeFileAtomic(dir_.path() + "/ca.pem", ca.certificate()));
    REQUIRE(writeFileAtomic(dir_.path() + "/cert.pem", issued.certificate));
    REQUIRE(writeFileAtomic(dir_.path() + "/key.pem", issued.key));
    Poco::Net::Context::Ptr context = new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, dir_.path() + "/key.pem", dir_.path() + "/cert.pem", "", Poco::Net::Context::VERIFY_NONE);
    server_ = std::make_unique<OneShotServer>(std::make_unique<Poco::Net::SecureServerSocket>(Poco::Net::SocketAddress("127.0.0.1", 0), 8, context),
                                              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false);
  }
  std::string url() const { return "https://localhost:" + std::to_string(server_->port()) + "/x"; }
  std::string ca() const { return dir_.path() + "/ca.pem"; }

 private:
  test::TempDir dir_;
  std::unique_ptr<OneShotServer> server_;
};

}  // namespace

TEST_CASE("https works when the certificate is for the host and from an authority that is trusted") {
  test::TestCa ca;
  {
    SecureServer server(ca, {});
    const auto answer = PocoHttpClient(server.ca()).send({"POST", server.url(), {}, "body"}, {});
    REQUIRE_MESSAGE(answer, answer.error().detail);
    CHECK(answer->status == 200);
    CHECK(answer->body == "hello");
  }
  const auto refusal = [&](const SecureServer& server, const std::string& trusted) {
    const auto answer = PocoHttpClient(trusted).send({"GET", server.url(), {}, ""}, {});
    REQUIRE_FALSE(answer.has_value());
    return answer.error().detail;
  };
  {
    SecureServer server(ca, {});
    CHECK(refusal(server, "").find("ertificate") != std::string::npos);
  }
  {
    test::Wanted elsewhere;
    elsewhere.names = {"DNS:elsewhere.example"};
    elsewhere.subject = "elsewhere.example";
    SecureServer server(ca, elsewhere);
    CHECK(refusal(server, server.ca()).find("ertificate") != std::string::npos);
  }
  {
    test::Wanted late;
    late.from_s = -86400;
    late.until_s = -10;
    SecureServer server(ca, late);
    CHECK(refusal(server, server.ca()).find("ertificate") != std::string::npos);
  }
  {
    SecureServer server(ca, {});
    CHECK(refusal(server, "/nowhere/ca.pem").find("/nowhere/ca.pem") != std::string::npos);
  }
}

TEST_CASE("the SSRF guard refuses every address that is not plainly public") {
  for (const auto* refused : {"127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
                              "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::808:808",
                             
                              "2002:7f00:1::", "2001:db8::1", "2001:0::1", "not an address", ""}) {
    CAPTURE(refused);
    CHECK(isNonPublicAddress(refused));
  }
  for (const auto* allowed : {"1.1.1.1", "172.32.0.1", "192.167.255.255", "2606:4700::1111", "::ffff:8.8.8.8"}) {
    CAPTURE(allowed);
    CHECK_FALSE(isNonPublicAddress(allowed));
  }
}

TEST_CASE("an answer comes back whole, whatever its status") {
  std::string received;
  {
    OneShotServer server("HTTP/1.1 418 Teapot\r\nX-Kind: pot\r\nContent-Length: 5\r\n\r\nshort", false);
    PocoHttpClient client;
    const auto answer = client.send({"POST", server.url(), {{"X-A", "b"}}, "body"}, {});
    REQUIRE_MESSAGE(answer.has_value(), answer.error().detail);
    CHECK(answer->status == 418);
    CHECK(answer->header("x-kind") == "pot");
    CHECK(answer->body == "short");
    received = server.received;
  }
  CHECK(received.starts_with("POST /x?y=1 HTTP/1.1\r\n"));
  CHECK(received.find("X-A: b\r\n") != std::string::npos);
}

TEST_CASE("a peer that drips bytes is cut at the total deadline") {
  PocoHttpClient client;
  OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'), true);
  HttpOptions options;
  options.timeout = milliseconds(400);
  const auto answer = client.send({"GET", server.url()}, options);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == Errc::deadline_exceeded);
}

TEST_CASE("too large, cut short and unreachable are told apart") {
  PocoHttpClient client;
  HttpOptions small;
  small.max_response = 10;
  {
    OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789", false);
    CHECK(client.send({"GET", server.url()}, small).error().code == Errc::provider_error);
  }
  {
    OneShotServer server("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort", false);
    CHECK(client.send({"GET", server.url()}, {}).error().code == Errc::unreachable);
  }
  CHECK(client.send({"GET", "http://127.0.0.1:1/"}, {}).error().code == Errc::unreachable);
  for (const auto* url : {"ftp://a/", "no url", "http://user:pw@127.0.0.1/", "http:///x"}) {
    CHECK(client.send({"GET", url}, {}).error().code == Errc::bad_request);
  }
}

TEST_CASE("with the guard on, loopback is not reached") {
  HttpOptions options;
  options.public_addresses_only = true;
  CHECK(PocoHttpClient().send({"GET", "http://127.0.0.1:1/"}, options).error().code == Errc::egress_denied);
  CHECK(PocoHttpClient().send({"GET", "http://localhost:1/"}, options).error().code == Errc::egress_denied);
}

TEST_CASE("mail refuses header injection and clear text where TLS is demanded") {
  CHECK(makeLogMailer()->send({"a@b.c\r\nBcc: x@y.z", "hi", "text"}).error().code == Errc::validation_failed);
  SmtpOptions options;
  options.host = "127.0.0.1";
  options.port = 1;
  options.from = "a@example.com";
  CHECK(makeSmtpMailer(std::move(options))->send({"a@b.c", "hi", "text"}).error().code == Errc::unavailable);
}
