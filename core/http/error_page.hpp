// Errors in the form that the asker understands: a page for a browser, RFC 6749 JSON for OAuth.
// Pure functions.
#pragma once

#include <string_view>

#include "core/http/message.hpp"

namespace ccp::http {

/// True for paths that programs call: they get problem+json whatever they accept.
bool isApiPath(std::string_view path) noexcept;
Response errorPage(const Error& error, std::string_view request_id);
/// {"error","error_description"}; the code and the request id stand in headers and log.
Response oauthError(const Error& error, std::string_view request_id);

}  // namespace ccp::http
