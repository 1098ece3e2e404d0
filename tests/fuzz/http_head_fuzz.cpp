// Request heads, chunked bodies, forms and paths: what is accepted has one meaning.
#include <string>

#include "core/base/encoding.hpp"
#include "core/http/chunked.hpp"
#include "core/http/head_parser.hpp"
#include "tests/fuzz/require.hpp"

using namespace ccp;
using namespace ccp::http;

namespace {

void checkHead(std::string_view text) {
  const auto head = parseHead(text);
  if (!head) {
    const int status = head.error().httpStatus();
    CCP_REQUIRE(status == 400 || status == 411 || status == 414 || status == 431);
    return;
  }
  const auto& headers = head->request.headers;
  CCP_REQUIRE(headers.all("Content-Length").size() <= 1);
  CCP_REQUIRE(!(headers.has("Content-Length") && headers.has("Transfer-Encoding")));
  CCP_REQUIRE((head->framing == Framing::chunked) == headers.has("Transfer-Encoding"));
  CCP_REQUIRE((head->framing == Framing::length) == headers.has("Content-Length"));
  CCP_REQUIRE(isValidUtf8(head->request.path));
  CCP_REQUIRE(head->request.path.find("/../") == std::string::npos);
  for (const auto& [name, value] : headers.fields()) {
    CCP_REQUIRE(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    CCP_REQUIRE(!name.empty() && name.find_first_of(" \t:\r\n") == std::string::npos);
  }
}

/// The same bytes in portions of any size give the same body and use the same bytes.
void checkChunks(std::string_view text, std::size_t step) {
  constexpr std::size_t kCap = 4096;
  ChunkedDecoder whole(kCap);
  std::string_view rest = text;
  const auto fed = whole.feed(rest);
  ChunkedDecoder parts(kCap);
  std::string_view left = text;
  Status status;
  while (status && !parts.done() && !left.empty()) {
    std::string_view portion = left.substr(0, step);
    const auto size = portion.size();
    status = parts.feed(portion);
    left.remove_prefix(size - portion.size());
  }
  CCP_REQUIRE(fed.has_value() == status.has_value());
  CCP_REQUIRE(whole.done() == parts.done());
  if (!fed || !whole.done()) return;
  CCP_REQUIRE(rest == left);
  const auto body = whole.takeBody();
  CCP_REQUIRE(body.size() <= kCap && body == parts.takeBody());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ccp::fuzz::text(data, size);
  checkHead(text);
  checkHead("POST /a HTTP/1.1\r\nHost: a\r\n" + std::string(text) + "\r\n\r\n");
  checkHead("GET /" + std::string(text) + " HTTP/1.1\r\nHost: a\r\n\r\n");
  checkChunks(text, size == 0 ? 1 : 1 + data[0] % 7);
  if (const auto form = parseForm(text)) {
    for (const auto& [name, value] : form->items())
      CCP_REQUIRE(isValidUtf8(name) && isValidUtf8(value));
  }
  return 0;
}
