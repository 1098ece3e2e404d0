// The same bytes of a client through TLS and in clear text: what is understood and answered is the same, and what
// the server holds for a client is bounded either way.
#include <openssl/err.h>

#include <string>

#include "core/base/random.hpp"
#include "core/http/channel.hpp"
#include "core/http/tls_session.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

using Time = Connection::Time;

constexpr std::size_t kBudget = 8192;

struct Quiet final : TlsObserver {
  void established(std::string_view, bool) override {}
  void failed(std::string_view, std::string_view) override { CCP_REQUIRE(false); }  // the client is honest
};

struct Server {
  SystemClock clock;
  SystemRandom random;
  test::TestCa ca;
  TicketKeys tickets{clock, random};
  Quiet observer;
  std::shared_ptr<const TlsContext> context;

  Server() {
    const auto issued = ca.issue();
    TlsMaterial material;
    material.certificates = issued.certificate;
    material.key = SecretBytes(std::string_view(issued.key));
    context = *TlsContext::make(material, tickets, clock.now());
  }
};

struct End final : ConnectionHost {
  End(std::unique_ptr<Transport> transport, test::TlsClient* c) : client(c), channel(*this, budget, limits, std::move(transport), now) {}

  Admission admit(Head head) override {
    understood += head.request.method + " " + head.request.target + "\n";
    if (head.request.path == "/refused") return Response::text("no", 404);
    Ticket ticket;
    ticket.max_body = 4096;
    return ticket;
  }
  Response reject(const Error& error) override {
    understood += std::string("rejected ") + error.name() + "\n";
    return Response::problem(error, "req");
  }
  Response refuse(Ticket&, const Error& error) override {
    understood += std::string("refused ") + error.name() + "\n";
    return Response::problem(error, "req");
  }

  void run(std::size_t portion) {
    for (;;) {
      for (auto part = channel.output().substr(0, portion); !part.empty(); part = channel.output().substr(0, portion)) {
        if (client != nullptr) {
          client->receive(part);
        } else {
          sent += part;
        }
        channel.wrote(part.size(), now);
        CCP_REQUIRE(channel.held() <= 256 * 1024);
      }
      channel.takeShutdown();
      if (!channel.hasRequest()) return;
      auto exchange = channel.takeRequest();
      understood += "body " + exchange.body + "\n";
      channel.answer(Response::text(exchange.body + std::string(exchange.body.size() % 7 == 3 ? 70'000 : 1, '!')), now);
    }
  }
  void receive(std::string_view bytes, std::size_t portion, std::size_t reads) {
    while (!bytes.empty() && !channel.finished()) {
      const auto part = bytes.substr(0, portion);
      bytes.remove_prefix(part.size());
      CCP_REQUIRE(channel.wantsInput());
      channel.receive(part, now);
      run(reads);
    }
  }

  test::TlsClient* client;
  ConnectionLimits limits = {};
  BodyBudget budget{kBudget};
  Time now{std::chrono::hours(1)};
  Channel channel;
  std::string understood, sent;
};

/// Answers of two moments may have two dates.
std::string undated(std::string text) {
  constexpr std::string_view kName = "\r\nDate: ";
  for (auto at = text.find(kName); at != std::string::npos; at = text.find(kName, at + 1)) text.erase(at, text.find("\r\n", at + 2) - at);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  if (size < 3) return 0;
  ERR_clear_error();
  const auto text = ccp::fuzz::text(data, size).substr(3);
  End plain(nullptr, nullptr);
  plain.receive(text, 64 * 1024, 64 * 1024);

  test::TlsClient::Options options;
  options.tls12 = data[0] % 2 == 1;
  test::TlsClient client(options);
  End secure(makeTlsSession(server.context, server.observer), &client);
  for (auto up = client.take(); !up.empty(); up = client.take()) secure.receive(up, 64 * 1024, 64 * 1024);
  CCP_REQUIRE(client.established());
  for (std::string_view rest = text; !rest.empty();) {
    const auto part = rest.substr(0, 1 + data[1] * 8U);
    rest.remove_prefix(part.size());
    client.write(part);
    secure.receive(client.take(), 1 + data[2], 1 + data[0] * 100U);
  }
  CCP_REQUIRE(plain.understood == secure.understood);
  CCP_REQUIRE(undated(plain.sent) == undated(client.plain()));
  CCP_REQUIRE(plain.channel.finished() == secure.channel.finished());
  CCP_REQUIRE(ERR_peek_error() == 0);
  return 0;
}
