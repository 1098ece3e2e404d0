// Decoder of the chunked transfer coding (RFC 9112, 7.1) with a cap on what it lets through: bytes
// in any portions, body out. Trailers are read and dropped. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace ccp::http {

class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(std::size_t max_body) : max_body_(max_body) {}

  /// Takes bytes from the front of `input` (which shrinks by what was used) until it is empty or
  /// the body is complete. `bad_framing`, or `body_too_large` as soon as a chunk would pass the
  /// cap.
  Status feed(std::string_view& input);
  bool done() const noexcept { return state_ == State::done; }
  /// Bytes of the body so far.
  std::size_t size() const noexcept { return body_.size(); }
  std::string takeBody() noexcept { return std::move(body_); }

 private:
  enum class State { size, data, data_end, trailer, done };
  Status line(std::string_view text);

  std::size_t max_body_;
  State state_ = State::size;
  std::string line_;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t extension_bytes_ = 0;
  std::string body_;
};

}  // namespace ccp::http
