// Who may speak clear text to a listener that others reach.
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>

#include <array>

#include "tests/integration/http/http_world.hpp"

using namespace ccp;
using namespace ccp::http_test;

namespace {

/// An address of this machine that is not its loopback; empty when it has none.
std::string ownAddress() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string out;
  for (const ifaddrs* one = all; one != nullptr && out.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ifa_addr, sizeof(sockaddr_in), text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    if (!std::string_view(text.data()).starts_with("127.")) out = text.data();
  }
  ::freeifaddrs(all);
  return out;
}

}  // namespace

TEST_CASE("clear text is answered for this machine and for named proxies, and refused to others") {
  const auto own = ownAddress();
  if (own.empty()) {
    MESSAGE("this machine has no address but its loopback");
    return;
  }
  ServerOptions options;
  options.listen = "0.0.0.0:0";
  options.clear_text_from_proxies_only = true;
  const auto from = [&](const World& world, const std::string& host) {
    RawClient client(host + world.address.substr(world.address.rfind(':')));
    client.send(kLastHello);
    return client.readAll();
  };
  {
    World world(options);
    CHECK(statusOf(from(world, "127.0.0.1")) == 200);
    const auto refused = from(world, own);
    CHECK(statusOf(refused) == 403);
    CHECK(refused.find("clear_text_refused") != std::string::npos);
    CHECK(world.metrics.counter("ccp_http_refused_total", "", {{"listener", "public"}, {"reason", "clear_text"}}).value() == 1);
  }
  {
    PipelineOptions behind;
    behind.trusted_proxies = *TrustedProxies::parse({own});
    World world(options, behind);
    CHECK(statusOf(from(world, own)) == 200);
  }
  {
    ServerOptions open = options;
    open.clear_text_from_proxies_only = false;
    World world(open);
    CHECK(statusOf(from(world, own)) == 200);
  }
}
