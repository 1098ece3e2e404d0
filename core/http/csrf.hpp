// Protection of forms against other sites: the token is a hash of the browser's secret cookie, so that
// nothing needs to be stored and no other site can compute it. Field name: "csrf".
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/http/message.hpp"

namespace ccp::http {

/// Cookie that carries the browser session: `__Host-ccp_session` over https, `ccp_session` otherwise
/// (a browser accepts the prefix with Secure only).
std::string_view sessionCookieName(bool https) noexcept;

/// Token for forms of the browser that holds `cookie_value`; empty for an empty cookie.
std::string csrfToken(std::string_view cookie_value);

/// `csrf_failed` unless the form's field "csrf" is the token of the cookie `cookie_name`.
Status checkCsrf(const Request& request, const Params& form, std::string_view cookie_name);

}  // namespace ccp::http
