// A connection as a state machine: whatever bytes come, in whatever portions, its books are in order;
// and the portions make no difference to what is understood.
#include <string>
#include <vector>

#include "core/http/connection.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

using Time = Connection::Time;

constexpr std::size_t kBudget = 8192;

struct Client final : ConnectionHost {
  explicit Client(Time at) : connection(*this, budget, limits, at), now(at) {}

  Admission admit(Head head) override {
    const auto& headers = head.request.headers;
    CCP_REQUIRE(!(headers.has("Content-Length") && headers.has("Transfer-Encoding")));
    CCP_REQUIRE(headers.all("Host").size() <= 1);
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

  void check() {
    CCP_REQUIRE(budget.used() <= kBudget);
    CCP_REQUIRE(!connection.finished() || connection.output().empty());
    CCP_REQUIRE(connection.pending() >= connection.output().size());
  }
  void flush(std::size_t portion) {
    while (!connection.output().empty()) {
      const auto part = connection.output().substr(0, portion);
      sent += part;
      connection.wrote(part.size(), now);
      check();
    }
    connection.takeShutdown();
  }
  /// Everything that can go on without the client.
  void run(std::size_t portion) {
    flush(portion);
    while (connection.hasRequest()) {
      auto exchange = connection.takeRequest();
      CCP_REQUIRE(exchange.body.size() <= 4096);
      CCP_REQUIRE(!connection.hasRequest());
      understood += "body " + exchange.body + "\n";
      connection.answer(Response::text(exchange.body + "!"), now);
      flush(portion);
    }
  }
  void receive(std::string_view bytes, std::size_t portion) {
    CCP_REQUIRE(connection.wantsInput() || connection.finished());
    connection.receive(bytes, now);
    check();
    run(portion);
    CCP_REQUIRE(connection.held() <= 128 * 1024);
  }

  ConnectionLimits limits = {};
  BodyBudget budget{kBudget};
  Connection connection;
  Time now;
  std::string understood;
  std::string sent;
};

/// All of `bytes` in portions; the client reads `reads` bytes at a time.
Client* feed(Client& client, std::string_view bytes, std::size_t portion, std::size_t reads) {
  while (!bytes.empty() && !client.connection.finished()) {
    const auto part = bytes.substr(0, portion);
    bytes.remove_prefix(part.size());
    client.receive(part, reads);
  }
  return &client;
}

/// The input as a script: what the client, the handler and the clock do in turn.
void script(std::string_view bytes) {
  Client client(Time(std::chrono::hours(1)));
  Connection& connection = client.connection;
  std::size_t at = 0;
  const auto next = [&]() -> std::size_t { return at < bytes.size() ? static_cast<std::uint8_t>(bytes[at++]) : 0; };
  while (at < bytes.size() && !connection.finished()) {
    const auto step = next();
    switch (step % 8) {
      case 0:
      case 1:
      case 2: {
        const auto n = std::min(next() + 1, bytes.size() - at);
        if (connection.wantsInput()) connection.receive(bytes.substr(at, n), client.now);
        at += n;
        break;
      }
      case 3:
        if (connection.hasRequest()) {
          auto exchange = connection.takeRequest();
          connection.answer(Response::text(std::string(next() * 100, 'x')), client.now);
        }
        break;
      case 4: {
        const auto part = connection.output().substr(0, next() + 1);
        if (!part.empty()) connection.wrote(part.size(), client.now);
        connection.takeShutdown();
        break;
      }
      case 5:
        client.now += std::chrono::milliseconds(next() * 100);
        if (client.now >= connection.deadline()) connection.expire(client.now);
        break;
      case 6:
        connection.drain(client.now);
        break;
      case 7:
        if (next() % 8 == 0) connection.receiveEnd();
        break;
    }
    client.check();
    CCP_REQUIRE(connection.held() <= 256 * 1024);
  }
  // Left alone, every connection ends: the client takes nothing, handlers answer.
  for (int i = 0; i < 20 && !connection.finished(); ++i) {
    if (connection.hasRequest()) {
      auto exchange = connection.takeRequest();
      connection.answer(Response::text("late"), client.now);
    }
    CCP_REQUIRE(connection.deadline() != Time::max());
    client.now = connection.deadline();
    connection.expire(client.now);
  }
  CCP_REQUIRE(connection.finished());
  CCP_REQUIRE(client.budget.used() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ccp::fuzz::text(data, size);
  if (size == 0) return 0;
  const Time start(std::chrono::hours(1));
  Client whole(start);
  feed(whole, text, 64 * 1024, 64 * 1024);
  Client parts(start);
  feed(parts, text, 1 + data[0] % 5, 1 + data[0] % 200);
  CCP_REQUIRE(whole.understood == parts.understood);
  CCP_REQUIRE(whole.connection.finished() == parts.connection.finished());
  script(text);
  return 0;
}
