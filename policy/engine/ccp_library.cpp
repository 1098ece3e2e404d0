// ccp.*: what policies need and Lua has not.
#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <charconv>
#include <string>
#include <string_view>

#include "policy/engine/library.hpp"

namespace ccp::policy {
namespace {

struct Address {
  std::array<unsigned char, 16> bytes{};
  int bits = 0;  ///< 0: none
};

Address parseAddress(std::string_view text) {
  Address out;
  if (text.size() > 64 || text.find('\0') != std::string_view::npos) return out;
  const std::string copy(text);
  if (::inet_pton(AF_INET, copy.c_str(), out.bytes.data()) == 1) {
    out.bits = 32;
  } else if (::inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) {
    out.bits = 128;
    // An IPv4 client of a socket for both is ::ffff:a.b.c.d.
    constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(kMapped.begin(), kMapped.end(), out.bytes.begin())) {
      std::copy(out.bytes.begin() + 12, out.bytes.end(), out.bytes.begin());
      std::fill(out.bytes.begin() + 4, out.bytes.end(), static_cast<unsigned char>(0));
      out.bits = 32;
    }
  }
  return out;
}

/// ip_in_cidr(ip, "10.0.0.0/8"): malformed arguments are errors, so that a typo denies.
int ipInCidr(lua_State* L) {
  charge(L, 20);
  const std::string_view ip = checkText(L, 1);
  const std::string_view cidr = checkText(L, 2);
  const Address address = parseAddress(ip);
  luaL_argcheck(L, address.bits != 0, 1, "not an IP address");
  const std::size_t slash = cidr.find('/');
  const std::string_view net = cidr.substr(0, slash);
  const Address network = parseAddress(net);
  luaL_argcheck(L, network.bits != 0, 2, "not a network like 10.0.0.0/8");
  int bits = network.bits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = cidr.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    luaL_argcheck(L, error == std::errc() && end == digits.data() + digits.size() && !digits.empty() && bits >= 0 && bits <= network.bits, 2,
                  "not a network like 10.0.0.0/8");
  }
  bool inside = address.bits == network.bits;
  for (int i = 0; inside && i < bits; i += 8) {
    const auto mask = static_cast<unsigned char>(bits - i >= 8 ? 0xff : 0xff00 >> (bits - i));
    const auto at = static_cast<std::size_t>(i / 8);
    inside = (address.bytes[at] & mask) == (network.bytes[at] & mask);
  }
  lua_pushboolean(L, inside);
  return 1;
}

struct Version {
  std::array<std::string_view, 3> numbers;
  std::string_view prerelease;
};

bool isNumber(std::string_view s) { return !s.empty() && s.size() <= 18 && s.find_first_not_of("0123456789") == std::string_view::npos && (s.size() == 1 || s[0] != '0'); }

std::string_view cut(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view out = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return out;
}

bool parseVersion(std::string_view text, Version& out) {
  if (text.empty() || text.size() > 256 || text.back() == '-' || text.back() == '+' || text.back() == '.') return false;
  if (text[0] == 'v') text.remove_prefix(1);
  text = text.substr(0, text.find('+'));
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    out.prerelease = text.substr(dash + 1);
    text = text.substr(0, dash);
    std::string_view rest = out.prerelease;
    if (rest.empty() || rest.back() == '.') return false;
    while (!rest.empty()) {
      const std::string_view part = cut(rest, '.');
      const bool word = part.find_first_not_of("0123456789") != std::string_view::npos;
      if (part.empty() || (!word && !isNumber(part))) return false;
      if (part.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != std::string_view::npos) return false;
    }
  }
  if (std::count(text.begin(), text.end(), '.') != 2) return false;
  for (std::string_view& number : out.numbers) {
    number = cut(text, '.');
    if (!isNumber(number)) return false;
  }
  return true;
}

int compareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

int compareVersions(const Version& a, const Version& b) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (const int c = compareNumbers(a.numbers[i], b.numbers[i])) return c;
  }
  // A prerelease comes before its release.
  if (a.prerelease.empty() || b.prerelease.empty()) return static_cast<int>(a.prerelease.empty()) - static_cast<int>(b.prerelease.empty());
  std::string_view x = a.prerelease;
  std::string_view y = b.prerelease;
  while (!x.empty() && !y.empty()) {
    const std::string_view p = cut(x, '.');
    const std::string_view q = cut(y, '.');
    const bool p_number = isNumber(p);
    const bool q_number = isNumber(q);
    if (p_number != q_number) return p_number ? -1 : 1;
    if (const int c = p_number ? compareNumbers(p, q) : p.compare(q)) return c;
  }
  return static_cast<int>(!x.empty()) - static_cast<int>(!y.empty());
}

/// semver_cmp(a, b): -1, 0 or 1 as semver.org 2.0 orders them.
int semverCmp(lua_State* L) {
  charge(L, 20);
  std::array<Version, 2> versions;
  for (int i = 0; i < 2; ++i) luaL_argcheck(L, parseVersion(checkText(L, i + 1), versions[static_cast<std::size_t>(i)]), i + 1, "not a version like 1.2.3");
  const int order = compareVersions(versions[0], versions[1]);
  lua_pushinteger(L, order < 0 ? -1 : order > 0 ? 1 : 0);
  return 1;
}

}  // namespace

const luaL_Reg kCcpFunctions[] = {{"ip_in_cidr", guarded<ipInCidr>}, {"semver_cmp", guarded<semverCmp>}, {nullptr, nullptr}};

}  // namespace ccp::policy
