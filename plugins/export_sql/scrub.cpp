#include "scrub.hpp"

#include <algorithm>
#include <vector>

namespace sql_export {
namespace {

constexpr std::size_t kShortest = 3;

void replaceAll(std::string& text, const std::string& what) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 3)) text.replace(at, what.size(), "***");
}

bool separates(char c) { return c == ';' || c == '&' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// The value that begins at `at`: quoted ('…', "…", {…}) up to the closing quote, else up to a separator.
std::string_view valueAt(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  const char open = text[at];
  const char close = open == '{' ? '}' : open;
  if (open == '\'' || open == '"' || open == '{') {
    const auto end = text.find(close, at + 1);
    return text.substr(at + 1, end == std::string_view::npos ? std::string_view::npos : end - at - 1);
  }
  std::size_t end = at;
  while (end < text.size() && !separates(text[end])) ++end;
  return text.substr(at, end - at);
}

}  // namespace

std::string scrub(std::string text, std::string_view connection) {
  std::vector<std::string> secrets{std::string(connection)};
  for (std::size_t at = connection.find('='); at != std::string_view::npos; at = connection.find('=', at + 1)) {
    std::size_t begin = at + 1;
    while (begin < connection.size() && connection[begin] == ' ') ++begin;
    const auto value = valueAt(connection, begin);
    secrets.emplace_back(value);
    // A value with separators that nobody quoted: some drivers take it up to the next semicolon.
    secrets.emplace_back(connection.substr(begin, connection.find(';', begin) == std::string_view::npos ? std::string_view::npos : connection.find(';', begin) - begin));
  }
  if (const auto scheme = connection.find("://"); scheme != std::string_view::npos) {
    const auto authority = connection.substr(scheme + 3, connection.find_first_of("/?#", scheme + 3) - scheme - 3);
    if (const auto user = authority.rfind('@'); user != std::string_view::npos) {
      const auto info = authority.substr(0, user);
      secrets.emplace_back(info);
      secrets.emplace_back(info.substr(std::min(info.size(), info.find(':') == std::string_view::npos ? info.size() : info.find(':') + 1)));
    }
  }
  // The longest first: a part must not break the whole.
  std::sort(secrets.begin(), secrets.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const auto& secret : secrets) {
    if (secret.size() >= kShortest) replaceAll(text, secret);
  }
  return text;
}

}  // namespace sql_export
