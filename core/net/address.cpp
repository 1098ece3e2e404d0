#include "core/net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace ccp::net {
namespace {

struct Range4 {
  std::uint32_t base;
  int bits;
};
// RFC 6890 and the IANA special-purpose registry.
constexpr std::array<Range4, 15> kRefused4{{{0x00000000, 8},  {0x0A000000, 8},  {0x64400000, 10}, {0x7F000000, 8},  {0xA9FE0000, 16},
                                            {0xAC100000, 12}, {0xC0000000, 24}, {0xC0000200, 24}, {0xC0586300, 24}, {0xC0A80000, 16},
                                            {0xC6120000, 15}, {0xC6336400, 24}, {0xCB007100, 24}, {0xE0000000, 4},  {0xF0000000, 4}}};

bool refused4(std::uint32_t address) noexcept {
  return std::any_of(kRefused4.begin(), kRefused4.end(),
                     [&](const Range4& r) { return (address >> (32 - r.bits)) == (r.base >> (32 - r.bits)); });
}

std::uint32_t word(const std::uint8_t* p) noexcept {
  return static_cast<std::uint32_t>(p[0]) << 24 | static_cast<std::uint32_t>(p[1]) << 16 | static_cast<std::uint32_t>(p[2]) << 8 | p[3];
}

bool refused6(const std::uint8_t* a) noexcept {
  const bool zero_to_ten = std::all_of(a, a + 10, [](std::uint8_t b) { return b == 0; });
  if (zero_to_ten && a[10] == 0xFF && a[11] == 0xFF) return refused4(word(a + 12));              // ::ffff:0:0/96
  const bool nat64 = a[0] == 0x00 && a[1] == 0x64 && a[2] == 0xFF && a[3] == 0x9B &&
                     std::all_of(a + 4, a + 12, [](std::uint8_t b) { return b == 0; });
  if (nat64) return refused4(word(a + 12));  // 64:ff9b::/96; 64:ff9b:1::/48 is local use and falls through
  if (a[0] == 0x20 && a[1] == 0x02) return refused4(word(a + 2));                                // 2002::/16 6to4
  if ((a[0] & 0xE0) != 0x20) return true;  // only 2000::/3 is global unicast
  const bool documentation = a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0D && a[3] == 0xB8;
  const bool protocol_assignments = a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02;  // 2001::/23 with Teredo
  return documentation || protocol_assignments;
}

}  // namespace

bool isNonPublicAddress(std::string_view numeric_address) noexcept {
  char text[64] = {};
  if (numeric_address.size() >= sizeof text) return true;
  numeric_address.copy(text, numeric_address.size());
  in_addr v4{};
  if (inet_pton(AF_INET, text, &v4) == 1) return refused4(ntohl(v4.s_addr));
  in6_addr v6{};
  if (inet_pton(AF_INET6, text, &v6) == 1) return refused6(v6.s6_addr);
  return true;
}

}  // namespace ccp::net
