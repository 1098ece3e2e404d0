// The head of an HTTP/1.x request, from bytes to a Request: Boost.Beast's parser for the grammar,
// and on top of it stricter rules where leniency is how requests get smuggled past a proxy (RFC
// 9112, sections 2, 3, 5 and 6). Pure; the fuzz targets' entry.
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

/// Finds where a head ends in a buffer that grows, looking at each byte once, so that bytes in any
/// portions give the same outcome at the same byte. Refuses as soon as it can tell: a line that
/// ends with a bare LF or holds a bare CR, NUL, a start that no method has, and what is beyond the
/// limits.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits = {}) noexcept : limits_(limits) {}

  /// `all` is the buffer from the same first byte at every call. The length up to and with the
  /// empty line; 0: more bytes are needed; `bad_request`, `uri_too_long` or `headers_too_large`.
  Result<std::size_t> find(std::string_view all);
  /// Where the request line begins, behind empty lines, which are tolerated (RFC 9112, 2.2).
  std::size_t start() const noexcept { return start_; }

 private:
  void skipText(std::string_view all) noexcept;

  HeadLimits limits_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  std::size_t line_ = 0;  ///< bytes of the present line
  bool cr_ = false;       ///< the last byte was CR
  bool first_ = true;     ///< in the request line
};

/// `text` ends with the empty line. `bad_request`, `bad_framing`, `bad_encoding`,
/// `length_required`, `uri_too_long`, `headers_too_large`; after any of them the connection must
/// close, because where the next request starts is not known.
Result<Head> parseHead(std::string_view text, const HeadLimits& limits = {});

/// Decodes the path of a target. Refuses NUL and control characters, encoded '/' and '\', dot
/// segments and invalid UTF-8, so that one path has one meaning for the router and for a proxy.
Result<std::string> decodePath(std::string_view raw);

}  // namespace ccp::http
