// The head of an HTTP/1.x request, from bytes to a Request: strict where leniency is how requests
// get smuggled past a proxy (RFC 9112, sections 3, 5 and 6). Pure; the fuzz target's entry.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/http/message.hpp"

namespace ccp::http {

struct HeadLimits {
  std::size_t max_target = 8192;  ///< 414 beyond
  std::size_t max_bytes = 32768;  ///< whole head; 431 beyond
  std::size_t max_fields = 100;   ///< 431 beyond
};

/// How the body ends.
enum class Framing { none, length, chunked };

struct Head {
  Request request;  ///< method, target, path, query, headers
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
};

/// `text` ends with the empty line. `bad_request`, `bad_framing`, `bad_encoding`,
/// `length_required`, `uri_too_long`, `headers_too_large`; after any of them the connection must
/// close, because where the next request starts is not known.
Result<Head> parseHead(std::string_view text, const HeadLimits& limits = {});

/// Decodes the path of a target. Refuses NUL and control characters, encoded '/' and '\', dot
/// segments and invalid UTF-8, so that one path has one meaning for the router and for a proxy.
Result<std::string> decodePath(std::string_view raw);

}  // namespace ccp::http
