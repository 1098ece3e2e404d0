#include "core/http/page_limit.hpp"

#include <charconv>

namespace ccp::http {

Result<int> pageLimit(const Request& request, int fallback, int most) {
  const auto text = request.query.getOr("limit");
  if (text.empty() && !request.query.get("limit")) return fallback;
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc() && end == text.data() + text.size() && n >= 1 && n <= most) return n;
  const std::string range = "from 1 to " + std::to_string(most);
  return fail(Error{Errc::validation_failed, "limit must be an integer " + range + ".", {{"limit", range}}});
}

}  // namespace ccp::http
