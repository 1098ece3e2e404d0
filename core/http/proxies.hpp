// Which peers may say who the client is (X-Forwarded-For, X-Request-Id). Immutable, thread-safe.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/http/message.hpp"

namespace ccp::http {

/// Whom limits by address count as one: an IPv4 address, or an IPv6 network of 64 bits, because that
/// is what one customer gets. Text that is no address stands for itself.
std::string addressGroup(std::string_view address);

class TrustedProxies {
 public:
  TrustedProxies() = default;
  /// "10.0.0.0/8", "::1", "192.0.2.7"; `config_invalid` names the bad entry.
  static Result<TrustedProxies> parse(const std::vector<std::string>& cidrs);
  bool trusts(std::string_view address) const noexcept;
  /// The client's address: `peer`, or, when the peer is trusted, the last address of
  /// X-Forwarded-For that is not a trusted proxy itself.
  std::string clientAddress(std::string_view peer, const Headers& headers) const;

 private:
  struct Network {
    std::array<unsigned char, 16> address{};
    int bits = 0;  ///< of the 128; IPv4 is mapped
  };
  std::vector<Network> networks_;
};

}  // namespace ccp::http
