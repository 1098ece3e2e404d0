#include "core/http/head_parser.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "core/base/encoding.hpp"

namespace ccp::http {
namespace {

bool isTokenChar(unsigned char c) noexcept {
  return std::isalnum(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

bool isToken(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return isTokenChar(static_cast<unsigned char>(c));
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Members of a comma-separated field over all of its lines, in lower case.
std::vector<std::string> listOf(const Headers& headers, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& line : headers.all(name)) {
    std::string_view rest = line;
    for (;;) {
      const auto comma = rest.find(',');
      if (const auto item = trim(rest.substr(0, comma)); !item.empty()) out.push_back(lower(item));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return out;
}

struct RequestLine {
  std::string_view method, target, version;
};

Result<RequestLine> parseRequestLine(std::string_view line, const HeadLimits& limits) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return fail(Errc::bad_request, "the request line is not 'METHOD target HTTP/1.1'");
  RequestLine out{line.substr(0, first), line.substr(first + 1, last - first - 1),
                  line.substr(last + 1)};
  if (!isToken(out.method) || out.method.size() > 32)
    return fail(Errc::bad_request, "the method is not a token");
  if (out.version != "HTTP/1.1" && out.version != "HTTP/1.0")
    return fail(Errc::bad_request, "HTTP/1.1 and HTTP/1.0 are spoken here");
  if (out.target.size() > limits.max_target) {
    return fail(Errc::uri_too_long, "the target has " + std::to_string(out.target.size()) +
                                        " bytes; the limit is " +
                                        std::to_string(limits.max_target));
  }
  for (const char c : out.target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return fail(Errc::bad_request, "the target holds a character that must be percent-encoded");
  }
  return out;
}

Status parseFields(std::string_view text, const HeadLimits& limits, Headers& headers) {
  std::size_t count = 0;
  while (!text.empty()) {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (line.empty()) break;
    if (++count > limits.max_fields)
      return fail(Errc::headers_too_large,
                  "more than " + std::to_string(limits.max_fields) + " header fields");
    if (line.front() == ' ' || line.front() == '\t')
      return fail(Errc::bad_request, "a header field continues on a second line (obs-fold)");
    const auto colon = line.find(':');
    // A space before the colon is how one field becomes two behind another parser (RFC 9112, 5.1).
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
      return fail(Errc::bad_request, "a header field has no valid name");
    const auto value = trim(line.substr(colon + 1));
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f)
        return fail(Errc::bad_request, "a header field holds a control character");
    }
    headers.add(std::string(line.substr(0, colon)), std::string(value));
  }
  return {};
}

Status decideFraming(Head& head, bool http_1_1) {
  const Headers& headers = head.request.headers;
  const auto lengths = headers.all("Content-Length");
  if (headers.has("Transfer-Encoding")) {
    if (!lengths.empty())
      return fail(Errc::bad_framing, "both Transfer-Encoding and Content-Length");
    if (!http_1_1) return fail(Errc::bad_framing, "Transfer-Encoding in HTTP/1.0");
    const auto codings = listOf(headers, "Transfer-Encoding");
    if (codings.size() != 1 || codings.front() != "chunked")
      return fail(Errc::bad_framing, "Transfer-Encoding other than a single 'chunked'");
    head.framing = Framing::chunked;
    return {};
  }
  if (lengths.size() > 1) return fail(Errc::bad_framing, "more than one Content-Length");
  if (lengths.size() == 1) {
    const std::string& text = lengths.front();
    if (text.empty() ||
        !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); })) {
      return fail(Errc::bad_framing, "Content-Length is not a plain number");
    }
    const auto [end, ec] =
        std::from_chars(text.data(), text.data() + text.size(), head.content_length);
    if (ec != std::errc{} || end != text.data() + text.size())
      return fail(Errc::bad_framing, "Content-Length is out of range");
    head.framing = Framing::length;
    return {};
  }
  const std::string& method = head.request.method;
  if (method == "POST" || method == "PUT" || method == "PATCH")
    return fail(Errc::length_required,
                "a " + method + " needs Content-Length or chunked Transfer-Encoding");
  return {};
}

}  // namespace

Result<std::string> decodePath(std::string_view raw) {
  CCP_TRY(std::string path, urlDecode(raw, false));
  for (std::size_t i = 0; i + 2 < raw.size(); ++i) {
    if (raw[i] != '%') continue;
    const auto code = lower(raw.substr(i + 1, 2));
    if (code == "2f" || code == "5c")
      return fail(Errc::bad_encoding, "the path holds an encoded slash");
  }
  if (!isValidUtf8(path)) return fail(Errc::bad_encoding, "the path is not valid UTF-8");
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\')
      return fail(Errc::bad_encoding, "the path holds a control character or a backslash");
  }
  std::string_view rest = path;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the leading '/'
    const auto segment = rest.substr(0, rest.find('/'));
    if (segment == "." || segment == "..")
      return fail(Errc::bad_encoding, "the path holds a dot segment");
    rest.remove_prefix(segment.size());
  }
  return path;
}

Result<Head> parseHead(std::string_view text, const HeadLimits& limits) {
  if (text.size() > limits.max_bytes)
    return fail(Errc::headers_too_large,
                "the head is larger than " + std::to_string(limits.max_bytes) + " bytes");
  if (text.find('\0') != std::string_view::npos)
    return fail(Errc::bad_request, "the head holds a NUL character");
  const auto line_end = text.find("\r\n");
  if (line_end == std::string_view::npos)
    return fail(Errc::bad_request, "the request line has no CRLF");
  CCP_TRY(const RequestLine line, parseRequestLine(text.substr(0, line_end), limits));

  Head head;
  Request& request = head.request;
  request.method = line.method;
  request.target = line.target;
  CCP_CHECK_OK(parseFields(text.substr(line_end + 2), limits, request.headers));

  const bool http_1_1 = line.version == "HTTP/1.1";
  const auto hosts = request.headers.all("Host").size();
  if (hosts > 1 || (http_1_1 && hosts == 0))
    return fail(Errc::bad_request, "exactly one Host field is needed");
  CCP_CHECK_OK(decideFraming(head, http_1_1));

  const auto connection = listOf(request.headers, "Connection");
  const auto says = [&](std::string_view word) {
    return std::find(connection.begin(), connection.end(), word) != connection.end();
  };
  head.keep_alive = http_1_1 ? !says("close") : says("keep-alive") && !says("close");
  if (const auto expect = lower(request.headers.get("Expect")); !expect.empty()) {
    if (expect != "100-continue") return fail(Errc::bad_request, "Expect other than 100-continue");
    head.expects_continue = http_1_1;
  }

  std::string_view target = line.target;
  if (target.starts_with("http://") ||
      target.starts_with("https://")) {  // absolute-form, RFC 9112, 3.2.2
    const auto slash = target.find('/', target.find("//") + 2);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  } else if (target == "*") {
    request.path = "*";
    return head;
  }
  if (target.empty() || target.front() != '/')
    return fail(Errc::bad_request, "the target does not start with '/'");
  if (target.find('#') != std::string_view::npos)
    return fail(Errc::bad_request, "the target holds a fragment");
  const auto question = target.find('?');
  CCP_TRY(request.path, decodePath(target.substr(0, question)));
  if (question != std::string_view::npos) {
    CCP_TRY(request.query, parseForm(target.substr(question + 1)));
  }
  return head;
}

}  // namespace ccp::http
