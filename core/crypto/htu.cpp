#include "core/crypto/htu.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace ccp::crypto {
namespace {

bool isAlnum(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isUnreserved(char c) noexcept { return isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

/// %7e becomes ~, %2f stays but as %2F.
std::optional<std::string> normalizeEscapes(std::string_view path) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    if (i + 2 >= path.size()) return std::nullopt;
    const int high = hexValue(path[i + 1]);
    const int low = hexValue(path[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const char decoded = static_cast<char>(high * 16 + low);
    if (isUnreserved(decoded)) {
      out += decoded;
    } else {
      out += '%';
      out += digits[high];
      out += digits[low];
    }
    i += 2;
  }
  return out;
}

std::string removeDotSegments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool slash_at_end = true;
  while (!path.empty()) {
    path.remove_prefix(1);  // every segment starts with '/'
    const auto end = std::min(path.find('/'), path.size());
    const auto segment = path.substr(0, end);
    path.remove_prefix(end);
    slash_at_end = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  if (slash_at_end) out += '/';
  return out;
}

}  // namespace

std::optional<std::string> normalizeHtu(std::string_view url) {
  if (url.size() > 4096) return std::nullopt;
  for (const char c : url) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>' || c == '^' || c == '`' || c == '{' ||
        c == '|' || c == '}') {
      return std::nullopt;
    }
  }
  url = url.substr(0, url.find_first_of("?#"));
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string scheme = lower(url.substr(0, colon));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  std::string_view rest = url.substr(colon + 3);
  const auto slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  if (authority.find('@') != std::string_view::npos) return std::nullopt;

  // A port stands after the last ':' that is not inside an IPv6 literal.
  std::string port;
  const auto bracket = authority.find(']');
  const auto port_colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_colon != std::string_view::npos) {
    const auto digits = authority.substr(port_colon + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (!digits.empty() && (error != std::errc() || end != digits.data() + digits.size() || number > 65535)) {
      return std::nullopt;
    }
    const unsigned standard = scheme == "https" ? 443 : 80;
    if (!digits.empty() && number != standard) port = ":" + std::to_string(number);
    authority = authority.substr(0, port_colon);
  }
  if (authority.empty()) return std::nullopt;
  const auto clean = normalizeEscapes(path);
  if (!clean) return std::nullopt;
  return scheme + "://" + lower(authority) + port + (clean->empty() ? "/" : removeDotSegments(*clean));
}

}  // namespace ccp::crypto
