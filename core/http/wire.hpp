// An answer as bytes of HTTP/1.1. Pure.
#pragma once

#include <string>

#include "core/http/message.hpp"

namespace ccp::http {

/// Status line, headers, Content-Length, Date, Connection and, unless `head_only`, the body. A
/// header that would break the framing (CR, LF, NUL, or a length of its own) is left out.
std::string serializeResponse(const Response& response, bool head_only, bool keep_alive);
const char* reasonPhrase(int status) noexcept;

}  // namespace ccp::http
