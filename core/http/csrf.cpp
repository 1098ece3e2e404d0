#include "core/http/csrf.hpp"

#include "core/base/encoding.hpp"

namespace ccp::http {

std::string_view sessionCookieName(bool https) noexcept { return https ? "__Host-ccp_session" : "ccp_session"; }

std::string csrfToken(std::string_view cookie_value) {
  if (cookie_value.empty()) return {};
  return base64UrlEncode(sha256(bytesOf("ccp.csrf/1\n" + std::string(cookie_value))));
}

Status checkCsrf(const Request& request, const Params& form, std::string_view cookie_name) {
  const auto wanted = csrfToken(request.cookie(cookie_name));
  if (wanted.empty() || form.repeated("csrf") || !equalConstantTime(form.getOr("csrf"), wanted)) {
    return fail(Errc::csrf_failed, "The form carries no token of this browser session.");
  }
  return {};
}

}  // namespace ccp::http
