// The server's side of TLS: raw bytes, or a real client whose bytes are cut, changed, dropped and mixed with others.
// Whatever happens, only what one side wrote comes out at the other, in order, and nothing is held without end.
#include <openssl/err.h>

#include <string>

#include "core/base/random.hpp"
#include "core/http/tls_session.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/tls_workshop.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

struct Quiet final : TlsObserver {
  int ended = 0;
  void established(std::string_view, bool) override {}
  void failed(std::string_view reason, std::string_view detail) override {
    CCP_REQUIRE(!reason.empty() && !detail.empty());
    ++ended;
  }
};

struct Server {
  SystemClock clock;
  SystemRandom random;
  test::TestCa ca;
  TicketKeys tickets{clock, random};
  std::shared_ptr<const TlsContext> plain, asking;

  Server() {
    const auto issued = ca.issue();
    TlsMaterial material;
    material.certificates = issued.certificate;
    material.key = SecretBytes(std::string_view(issued.key));
    plain = *TlsContext::make(material, tickets, clock.now());
    material.client_auth = config::ClientAuth::required;
    material.client_ca = ca.certificate();
    asking = *TlsContext::make(material, tickets, clock.now());
  }
};

class Input {
 public:
  explicit Input(std::string_view data) : data_(data) {}
  bool empty() const noexcept { return data_.empty(); }
  std::size_t byte() noexcept {
    if (data_.empty()) return 0;
    const auto out = static_cast<unsigned char>(data_.front());
    data_.remove_prefix(1);
    return out;
  }
  std::string_view take(std::size_t n) noexcept {
    const auto out = data_.substr(0, n);
    data_.remove_prefix(out.size());
    return out;
  }

 private:
  std::string_view data_;
};

/// Raw bytes never get beyond the handshake: nobody signs with a key by chance.
void feedRaw(const Server& server, Input input) {
  Quiet observer;
  const auto session = makeTlsSession(server.asking, observer);
  const auto step = 1 + input.byte();
  std::string plain, wire;
  std::size_t fed = 0;
  bool failed = false;
  while (!input.empty()) {
    const auto portion = input.take(step);
    fed += portion.size();
    const bool taken = session->receive(portion, plain, wire).has_value();
    CCP_REQUIRE(!(failed && taken));
    failed = failed || !taken;
  }
  CCP_REQUIRE(!session->established() && plain.empty());
  CCP_REQUIRE(wire.size() <= 16 * 1024 && (failed || fed <= kTlsMaxSilentBytes));
  CCP_REQUIRE(observer.ended == (failed ? 1 : 0));
}

void liveThrough(const Server& server, Input input) {
  Quiet observer;
  const auto way = input.byte();
  test::TlsClient::Options options;
  options.tls12 = (way & 1) != 0;
  if ((way & 2) != 0) options.alpn = {"h2", "http/1.1"};
  test::TlsClient client(options);
  const auto session = makeTlsSession((way & 12) == 12 ? server.asking : server.plain, observer);
  std::string up, down, plain, wire, written, sealed;
  bool failed = false, parted = false;
  const auto give = [&](std::string_view bytes) {
    const bool taken = session->receive(bytes, plain, wire).has_value();
    CCP_REQUIRE(!(failed && taken));
    failed = failed || !taken;
    down += wire;
    wire.clear();
  };
  const auto open = [&] { return client.established() && !parted; };
  while (!input.empty()) {
    up += client.take();
    switch (input.byte() % 10) {
      case 0: {  // everything arrives
        give(up);
        up.clear();
        break;
      }
      case 1: {  // a part of it
        const auto n = std::min(up.size(), input.byte() * 7);
        give(std::string_view(up).substr(0, n));
        up.erase(0, n);
        break;
      }
      case 2: {  // one bit is other
        if (up.empty()) break;
        auto& byte = up[(input.byte() * 256 + input.byte()) % up.size()];
        byte = static_cast<char>(byte ^ (1 << (input.byte() % 8)));
        break;
      }
      case 3:  // bytes of somebody else
        give(input.take(input.byte()));
        break;
      case 4:
        client.receive(down);
        down.clear();
        break;
      case 5: {
        if (!open()) break;
        const auto text = std::string(1 + input.byte() * 80, static_cast<char>('a' + input.byte() % 26));
        client.write(text);
        written += text;
        break;
      }
      case 6: {
        const auto text = std::string(1 + input.byte() * 80, static_cast<char>('A' + input.byte() % 26));
        if (session->seal(text, wire)) sealed += text;
        down += wire;
        wire.clear();
        break;
      }
      case 7:  // lost on the way
        if (!up.empty()) up.erase(input.byte() % up.size(), 1 + input.byte());
        break;
      case 8:
        if (open()) client.sayFarewell();
        parted = parted || client.established();
        break;
      case 9:
        session->close(wire);
        down += wire;
        wire.clear();
        break;
    }
    CCP_REQUIRE(written.starts_with(plain));
    CCP_REQUIRE(sealed.starts_with(client.plain()));
    CCP_REQUIRE(plain.empty() || session->established());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Server server;
  ERR_clear_error();
  Input input(ccp::fuzz::text(data, size));
  if (input.byte() % 2 == 0) {
    feedRaw(server, input);
  } else {
    liveThrough(server, input);
  }
  CCP_REQUIRE(ERR_peek_error() == 0);
  return 0;
}
