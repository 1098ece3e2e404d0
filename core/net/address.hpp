// Which addresses the SSRF guard refuses: everything that is not plainly on the public internet.
#pragma once

#include <string_view>

namespace ccp::net {

/// True for loopback, private, link-local, CGNAT, multicast, documentation and reserved addresses of
/// IPv4 and IPv6, also IPv4 mapped or embedded in IPv6 (RFC 6890), and for text that is no address.
bool isNonPublicAddress(std::string_view numeric_address) noexcept;

}  // namespace ccp::net
