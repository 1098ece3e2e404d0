#include "core/http/chunked.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace ccp::http {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxTrailers = 8192;
constexpr std::size_t kMaxExtensions =
    8192;  // of a whole body: a byte a chunk must not cost a line each
constexpr std::size_t kMaxDigits = 15;

bool isTokenChar(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool isPrintable(char c) noexcept {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

std::size_t tokenLength(std::string_view text) noexcept {
  const auto end = std::find_if_not(text.begin(), text.end(), isTokenChar);
  return static_cast<std::size_t>(end - text.begin());
}

/// *( ";" name [ "=" ( token / quoted-string ) ] ), without the "bad" white space that RFC 9112
/// lets recipients accept: proxies disagree about it.
bool areExtensions(std::string_view text) noexcept {
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text.remove_prefix(1);
    const auto name = tokenLength(text);
    if (name == 0) return false;
    text.remove_prefix(name);
    if (text.empty() || text.front() != '=') continue;
    text.remove_prefix(1);
    if (!text.empty() && text.front() == '"') {
      std::size_t i = 1;
      while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
      if (i >= text.size()) return false;
      text.remove_prefix(i + 1);
      continue;
    }
    const auto value = tokenLength(text);
    if (value == 0) return false;
    text.remove_prefix(value);
  }
  return true;
}

bool isField(std::string_view line) noexcept {
  const auto name = tokenLength(line);
  return name > 0 && name < line.size() && line[name] == ':';
}

}  // namespace

Status ChunkedDecoder::line(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), isPrintable))
    return fail(Errc::bad_framing, "a chunk line holds a control character");
  switch (state_) {
    case State::size: {
      const auto digits = text.substr(0, text.find(';'));
      if (digits.empty() || digits.size() > kMaxDigits)
        return fail(Errc::bad_framing, "a chunk has no valid size");
      const auto [end, ec] =
          std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
      if (ec != std::errc{} || end != digits.data() + digits.size() || digits.front() == '-')
        return fail(Errc::bad_framing, "a chunk has no valid size");
      const auto extensions = text.substr(digits.size());
      extension_bytes_ += extensions.size();
      if (!areExtensions(extensions) || extension_bytes_ > kMaxExtensions)
        return fail(Errc::bad_framing, "a chunk has extensions that are malformed or too long");
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
      if (text.empty()) {
        state_ = State::done;
        return {};
      }
      if (!isField(text)) return fail(Errc::bad_framing, "a trailer is no header field");
      trailer_bytes_ += text.size() + 2;
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
    const auto most = state_ == State::data_end ? 2 : kMaxLine;
    if (line_.size() + n > most) {
      return fail(Errc::bad_framing, state_ == State::data_end ? "a chunk is longer than its size"
                                                               : "a chunk line is too long");
    }
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
