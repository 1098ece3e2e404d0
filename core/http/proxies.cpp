#include "core/http/proxies.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>
#include <optional>

namespace ccp::http {
namespace {

using Address = std::array<unsigned char, 16>;

/// Any address as 128 bits, IPv4 as ::ffff:a.b.c.d.
std::optional<Address> parseAddress(std::string_view text) {
  const std::string name(text);
  Address out{};
  if (::inet_pton(AF_INET6, name.c_str(), out.data()) == 1) return out;
  std::array<unsigned char, 4> v4{};
  if (::inet_pton(AF_INET, name.c_str(), v4.data()) != 1) return std::nullopt;
  out[10] = out[11] = 0xff;
  std::memcpy(out.data() + 12, v4.data(), 4);
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string addressGroup(std::string_view text) {
  auto address = parseAddress(text);
  if (!address) return std::string(text);
  static constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::array<char, INET6_ADDRSTRLEN> name{};
  if (std::memcmp(address->data(), kMapped.data(), kMapped.size()) == 0) {
    ::inet_ntop(AF_INET, address->data() + kMapped.size(), name.data(), name.size());
    return name.data();
  }
  std::memset(address->data() + 8, 0, 8);
  ::inet_ntop(AF_INET6, address->data(), name.data(), name.size());
  return std::string(name.data()) + "/64";
}

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& cidrs) {
  TrustedProxies out;
  for (const auto& cidr : cidrs) {
    const auto slash = cidr.find('/');
    const auto address = parseAddress(std::string_view(cidr).substr(0, slash));
    if (!address)
      return fail(Errc::config_invalid,
                  "server.trusted_proxies: '" + cidr + "' is no address or CIDR");
    const bool v4 = cidr.find(':') == std::string::npos;
    int bits = v4 ? 32 : 128;
    if (slash != std::string::npos) {
      const char* end = cidr.data() + cidr.size();
      int value = -1;
      const auto [at, ec] = std::from_chars(cidr.data() + slash + 1, end, value);
      if (ec != std::errc{} || at != end || value < 0 || value > bits) {
        return fail(Errc::config_invalid,
                    "server.trusted_proxies: '" + cidr + "' has no valid prefix length");
      }
      bits = value;
    }
    out.networks_.push_back(Network{*address, v4 ? bits + 96 : bits});
  }
  return out;
}

bool TrustedProxies::trusts(std::string_view text) const noexcept {
  if (networks_.empty()) return false;
  const auto address = parseAddress(text);
  if (!address) return false;
  for (const auto& network : networks_) {
    const auto whole = static_cast<std::size_t>(network.bits / 8);
    const int rest = network.bits % 8;
    if (std::memcmp(address->data(), network.address.data(), whole) != 0) continue;
    if (rest == 0) return true;
    const int mask = (0xff << (8 - rest)) & 0xff;
    if (((*address)[whole] & mask) == (network.address[whole] & mask)) return true;
  }
  return false;
}

std::string TrustedProxies::clientAddress(std::string_view peer, const Headers& headers) const {
  std::string client(peer);
  if (!trusts(peer)) return client;
  std::string all;
  for (const auto& line : headers.all("X-Forwarded-For")) all += (all.empty() ? "" : ",") + line;
  std::string_view rest = all;
  while (!rest.empty()) {
    const auto comma = rest.rfind(',');
    const auto item = trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    if (!parseAddress(item)) break;  // what lies left of garbage was not written by our proxies
    client = item;
    if (!trusts(item)) break;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
  }
  return client;
}

}  // namespace ccp::http
