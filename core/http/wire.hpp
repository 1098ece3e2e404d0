// An answer as bytes of HTTP/1.1. Pure.
#pragma once

#include <string>

#include "core/http/message.hpp"

namespace ccp::http {

/// Status line, headers, Content-Length, Date, Connection and, unless `head_only`, the body. A
/// header that would break the framing (CR, LF, NUL, or a length of its own) is left out.
std::string serializeResponse(const Response& response, bool head_only, bool keep_alive);
/// The same up to the empty line, for a body of `length` bytes that is sent by itself.
std::string serializeHead(const Response& response, std::size_t length, bool keep_alive);
/// 204 and 304 have no body and, for 204, no length (RFC 9110, 8.6).
constexpr bool isBodyless(int status) noexcept {
  return status == 204 || status == 304 || status < 200;
}
const char* reasonPhrase(int status) noexcept;

}  // namespace ccp::http
