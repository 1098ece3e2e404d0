#include "core/http/chunked.hpp"

#include <algorithm>
#include <charconv>

namespace ccp::http {
namespace {
constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxTrailers = 8192;
}  // namespace

Status ChunkedDecoder::line(std::string_view text) {
  switch (state_) {
    case State::size: {
      // Extensions ("; name=value") are legal and ignored.
      auto digits = text.substr(0, text.find(';'));
      while (!digits.empty() && (digits.back() == ' ' || digits.back() == '\t'))
        digits.remove_suffix(1);
      if (digits.empty() || digits.size() > 15)
        return fail(Errc::bad_framing, "a chunk has no valid size");
      const auto [end, ec] =
          std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
      if (ec != std::errc{} || end != digits.data() + digits.size())
        return fail(Errc::bad_framing, "a chunk has no valid size");
      if (left_ > max_body_ - body_.size())
        return fail(Errc::body_too_large, "the limit is " + std::to_string(max_body_) + " bytes");
      state_ = left_ == 0 ? State::trailer : State::data;
      return {};
    }
    case State::data_end:
      if (!text.empty()) return fail(Errc::bad_framing, "a chunk is longer than its size");
      state_ = State::size;
      return {};
    case State::trailer:
      if (text.empty()) state_ = State::done;
      trailer_bytes_ += text.size();
      if (trailer_bytes_ > kMaxTrailers)
        return fail(Errc::headers_too_large, "the trailers are too large");
      return {};
    case State::data:
    case State::done:
      break;
  }
  return {};
}

Status ChunkedDecoder::feed(std::string_view& input) {
  while (!input.empty() && state_ != State::done) {
    if (state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      body_.append(input.substr(0, n));
      input.remove_prefix(n);
      left_ -= n;
      if (left_ == 0) state_ = State::data_end;
      continue;
    }
    const auto newline = input.find('\n');
    const auto n = newline == std::string_view::npos ? input.size() : newline + 1;
    if (line_.size() + n > kMaxLine) return fail(Errc::bad_framing, "a chunk line is too long");
    line_.append(input.substr(0, n));
    input.remove_prefix(n);
    if (newline == std::string_view::npos) return {};
    if (line_.size() < 2 || line_[line_.size() - 2] != '\r')
      return fail(Errc::bad_framing, "a chunk line does not end with CRLF");
    const std::string text = line_.substr(0, line_.size() - 2);
    line_.clear();
    CCP_CHECK_OK(line(text));
  }
  return {};
}

}  // namespace ccp::http
