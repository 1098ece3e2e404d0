#include "core/package/syntax.hpp"

#include "core/package/manifest.hpp"

namespace ccp::plugin {

bool isDotted(std::string_view text, char joint, int min_words) noexcept {
  int words = 0;
  bool open = false;
  for (const char c : text) {
    if (c == joint) {
      if (!open) return false;
      open = false;
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && open) || (c == '_' && open)) {
      if (!open) ++words;
      open = true;
    } else {
      return false;
    }
  }
  return open && words >= min_words && text.size() <= 96;
}

bool isVersion(std::string_view text) noexcept {
  int parts = 1;
  bool digit = false;
  for (const char c : text) {
    if (c == '.') {
      if (!digit) return false;
      digit = false;
      ++parts;
    } else if (c >= '0' && c <= '9') {
      digit = true;
    } else {
      return false;
    }
  }
  return digit && parts == 3 && text.size() <= 32;
}

bool isRevisionId(std::string_view text) noexcept {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos || !isDotted(text.substr(0, slash), '.', 2)) return false;
  const auto revision = text.substr(slash + 1);
  return !revision.empty() && revision.size() <= 3 && revision.find_first_not_of("0123456789") == std::string_view::npos && revision[0] != '0';
}

bool isPlainPath(std::string_view path) noexcept {
  if (path.empty() || path.size() > 200) return false;
  std::size_t segment = 0;
  bool dot_first = false;
  for (const char c : path) {
    if (c == '/') {
      if (segment == 0 || dot_first) return false;
      segment = 0;
      dot_first = false;
      continue;
    }
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (!plain) return false;
    if (segment == 0 && c == '.') dot_first = true;
    ++segment;
  }
  return segment > 0 && !dot_first;
}

bool isSha256(std::string_view text) noexcept {
  return text.size() == 71 && text.starts_with("sha256:") && text.substr(7).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool isSecretPattern(std::string_view text) noexcept {
  if (text.ends_with("/*")) text.remove_suffix(2);
  return isDotted(text, '/', 1);
}

bool isHttpsOrigin(std::string_view text) {
  const auto origin = originOf(text);
  return origin && *origin == text && text.starts_with("https://");
}

}  // namespace ccp::plugin
