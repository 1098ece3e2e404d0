#include "core/http/head_parser.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cctype>
#include <charconv>
#include <functional>
#include <optional>

#include "core/base/encoding.hpp"

namespace ccp::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;

constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxEmptyLines = 4;
/// What stands in a request line besides the target: a method, two spaces, "HTTP/1.1".
constexpr std::size_t kAroundTarget = kMaxMethod + 10;

bool isTokenChar(unsigned char c) noexcept {
  return std::isalnum(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
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

/// Members of a comma-separated field, in lower case.
void addMembers(std::string_view line, std::vector<std::string>& out) {
  for (;;) {
    const auto comma = line.find(',');
    if (const auto item = trim(line.substr(0, comma)); !item.empty()) out.push_back(lower(item));
    if (comma == std::string_view::npos) return;
    line.remove_prefix(comma + 1);
  }
}

/// The fields that decide about the message itself, found in one walk.
struct Framers {
  explicit Framers(const Headers& headers) {
    for (const auto& [name, value] : headers.fields()) {
      switch (name.size()) {
        case 4:
          if (sameName(name, "Host")) hosts.push_back(&value);
          break;
        case 6:
          if (sameName(name, "Expect") && expect == nullptr) expect = &value;
          break;
        case 10:
          if (sameName(name, "Connection")) addMembers(value, connection);
          break;
        case 14:
          if (sameName(name, "Content-Length")) lengths.push_back(&value);
          break;
        case 17:
          if (sameName(name, "Transfer-Encoding")) codings.push_back(&value);
          break;
        default:
          break;
      }
    }
  }
  std::vector<const std::string*> hosts, lengths, codings;
  std::vector<std::string> connection;  ///< its members
  const std::string* expect = nullptr;  ///< the first
};

/// Beast reads the grammar and calls back; what it lets through and we do not is refused here.
class HeadReader final : public beast::http::basic_parser<true> {
 public:
  HeadReader(const HeadLimits& limits, Request& request) : limits_(limits), request_(request) {
    skip(true);  // heads only: bodies are framed by decideFraming()
    header_limit(static_cast<std::uint32_t>(limits.max_bytes + 8));  // ours is counted before
  }

  Status read(std::string_view text) {
    text_ = text;
    beast::error_code code;
    std::size_t used = 0;
    while (!is_done() && !code && used < text.size())
      used += put({text.data() + used, text.size() - used}, code);
    if (refusal_) return fail(std::move(*refusal_));
    if (code) return fail(translate(code));
    if (!is_done() || used != text.size())
      return fail(Errc::bad_request, "the head does not end where its empty line is");
    return {};
  }
  bool http11() const noexcept { return http11_; }

 private:
  static Error translate(const beast::error_code& code) {
    const auto is = [&](error e) { return code == beast::http::make_error_code(e); };
    if (is(error::bad_content_length))
      return {Errc::bad_framing, "Content-Length is not one plain number, or stands beside chunks"};
    if (is(error::bad_transfer_encoding))
      return {Errc::bad_framing, "Transfer-Encoding is repeated, or stands beside Content-Length"};
    if (is(error::header_limit)) return {Errc::headers_too_large, "the head is too large"};
    if (is(error::bad_method)) return {Errc::bad_request, "the method is not a token"};
    if (is(error::bad_target))
      return {Errc::bad_request, "the target holds a character that must be percent-encoded"};
    if (is(error::bad_version))
      return {Errc::bad_request,
              "the request line is not 'METHOD target HTTP/1.1' (or HTTP/1.0), with single spaces"};
    if (is(error::bad_field)) return {Errc::bad_request, "a header field has no valid name"};
    if (is(error::bad_value))
      return {Errc::bad_request, "a header field holds a control character or is no valid list"};
    return {Errc::bad_request, "the head is malformed: " + code.message()};
  }

  void refuse(beast::error_code& code, Errc errc, std::string detail) {
    refusal_ = Error{errc, std::move(detail)};
    code = error::bad_value;
  }

  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, beast::error_code& code) override {
    if (method.size() > kMaxMethod)
      return refuse(code, Errc::bad_request, "the method is longer than any");
    if (target.size() > limits_.max_target) {
      return refuse(code, Errc::uri_too_long,
                    "the target has " + std::to_string(target.size()) + " bytes; the limit is " +
                        std::to_string(limits_.max_target));
    }
    if (std::any_of(target.begin(), target.end(), [](char c) { return (c & 0x80) != 0; })) {
      return refuse(code, Errc::bad_request,
                    "the target holds a character that must be percent-encoded");
    }
    request_.method.assign(method.data(), method.size());
    request_.target.assign(target.data(), target.size());
    http11_ = version == 11;
  }

  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& code) override {
    if (++fields_ > limits_.max_fields) {
      return refuse(code, Errc::headers_too_large,
                    "more than " + std::to_string(limits_.max_fields) + " header fields");
    }
    // Beast joins the lines of an obs-fold: in a buffer of its own, or by skipping a line end.
    const char* const behind = name.data() + name.size();
    const std::less<const char*> before;
    const bool elsewhere =
        before(value.data(), behind) || before(text_.data() + text_.size(), value.data());
    if (elsewhere || std::any_of(behind, value.data(), [](char c) { return c == '\r'; }))
      return refuse(code, Errc::bad_request,
                    "a header field continues on a second line (obs-fold)");
    request_.headers.add({name.data(), name.size()}, {value.data(), value.size()});
  }

  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(boost::optional<std::uint64_t> const&, beast::error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, beast::error_code&) override {
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                 beast::error_code&) override {
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

  const HeadLimits& limits_;
  Request& request_;
  std::string_view text_;
  std::size_t fields_ = 0;
  bool http11_ = false;
  std::optional<Error> refusal_;
};

/// uri-host [ ":" port ], without the rarer characters that the grammar would allow.
bool isHost(std::string_view text) noexcept {
  const auto is = [](char c, std::string_view more) {
    return std::isalnum(static_cast<unsigned char>(c)) || more.find(c) != std::string_view::npos;
  };
  std::string_view host = text;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!std::all_of(host.begin(), host.end(), [&](char c) { return is(c, ":.%"); })) return false;
  } else {
    host = text.substr(0, text.find(':'));
    text.remove_prefix(host.size());
    if (!std::all_of(host.begin(), host.end(), [&](char c) { return is(c, "-._~"); })) return false;
  }
  if (host.empty()) return false;
  if (text.empty()) return true;
  text.remove_prefix(1);
  return text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

Status decideFraming(Head& head, const Framers& fields, bool http_1_1) {
  const auto& lengths = fields.lengths;
  if (!fields.codings.empty()) {
    if (!lengths.empty())
      return fail(Errc::bad_framing, "both Transfer-Encoding and Content-Length");
    if (!http_1_1) return fail(Errc::bad_framing, "Transfer-Encoding in HTTP/1.0");
    // Not even as a list with empty members: proxies disagree about those.
    if (fields.codings.size() != 1 || lower(*fields.codings.front()) != "chunked")
      return fail(Errc::bad_framing, "Transfer-Encoding other than a single 'chunked'");
    head.framing = Framing::chunked;
    return {};
  }
  if (lengths.size() > 1) return fail(Errc::bad_framing, "more than one Content-Length");
  if (lengths.size() == 1) {
    const std::string& text = *lengths.front();
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

/// Over the bytes within a line that say nothing, up to where a limit may be reached.
void HeadScanner::skipText(std::string_view all) noexcept {
  if (cr_ || line_ == 0) return;
  std::size_t most =
      std::min(all.size() - at_, limits_.max_bytes - std::min(at_ - start_, limits_.max_bytes));
  if (first_) {
    const std::size_t longest = limits_.max_target + kAroundTarget;
    most = std::min(most, longest - std::min(line_, longest));
  }
  const char* const text = all.data() + at_;
  std::size_t n = 0;
  // CR is the highest of the three that mean something.
  while (n < most && (static_cast<unsigned char>(text[n]) > '\r' ||
                      (text[n] != '\r' && text[n] != '\n' && text[n] != '\0'))) {
    ++n;
  }
  at_ += n;
  line_ += n;
}

Result<std::size_t> HeadScanner::find(std::string_view all) {
  for (; at_ < all.size(); ++at_) {
    skipText(all);
    if (at_ == all.size()) break;
    const auto c = static_cast<unsigned char>(all[at_]);
    if (c == '\n') {
      if (!cr_) return fail(Errc::bad_request, "a line ends with LF instead of CRLF");
      cr_ = false;
      if (line_ > 0) {
        first_ = false;
        line_ = 0;
      } else if (!first_) {
        ++at_;
        return at_;
      } else {
        start_ = at_ + 1;
        if (start_ > 2 * kMaxEmptyLines)
          return fail(Errc::bad_request, "too many empty lines before the request line");
      }
      continue;
    }
    if (cr_) return fail(Errc::bad_request, "a line holds CR without LF");
    if (c == '\r') {
      cr_ = true;
      continue;
    }
    if (c == 0) return fail(Errc::bad_request, "the head holds a NUL character");
    if (first_ && line_ == 0 && !isTokenChar(c)) {
      return fail(Errc::bad_request, c == 0x16 ? "this is TLS, and plain HTTP is spoken here"
                                               : "a request begins with a method");
    }
    ++line_;
    if (first_ && line_ > limits_.max_target + kAroundTarget) {
      return fail(Errc::uri_too_long, "the request line is longer than " +
                                          std::to_string(limits_.max_target + kAroundTarget) +
                                          " bytes");
    }
    if (at_ - start_ >= limits_.max_bytes) {
      return fail(Errc::headers_too_large,
                  "the head is larger than " + std::to_string(limits_.max_bytes) + " bytes");
    }
  }
  return std::size_t{0};
}

Result<Head> parseHead(std::string_view text, const HeadLimits& limits) {
  if (text.size() > limits.max_bytes + 4)
    return fail(Errc::headers_too_large,
                "the head is larger than " + std::to_string(limits.max_bytes) + " bytes");
  if (text.find('\0') != std::string_view::npos)
    return fail(Errc::bad_request, "the head holds a NUL character");

  Head head;
  Request& request = head.request;
  HeadReader reader(limits, request);
  CCP_CHECK_OK(reader.read(text));

  const bool http_1_1 = reader.http11();
  const Framers fields(request.headers);
  const auto& hosts = fields.hosts;
  if (hosts.size() > 1 || (http_1_1 && hosts.empty()))
    return fail(Errc::bad_request, "exactly one Host field is needed");
  if (!hosts.empty() && !isHost(*hosts.front()))
    return fail(Errc::bad_request, "the Host field is no host name or address");
  CCP_CHECK_OK(decideFraming(head, fields, http_1_1));

  const auto says = [&](std::string_view word) {
    return std::find(fields.connection.begin(), fields.connection.end(), word) !=
           fields.connection.end();
  };
  head.keep_alive = http_1_1 ? !says("close") : says("keep-alive") && !says("close");
  if (fields.expect != nullptr && !fields.expect->empty()) {
    if (lower(*fields.expect) != "100-continue")
      return fail(Errc::bad_request, "Expect other than 100-continue");
    head.expects_continue = http_1_1;
  }

  std::string_view target = request.target;
  if (target.starts_with("http://") ||
      target.starts_with("https://")) {  // absolute-form, RFC 9112, 3.2.2
    target.remove_prefix(target.find("//") + 2);
    const auto authority = target.substr(0, target.find_first_of("/?#"));
    if (!isHost(authority) || (!hosts.empty() && lower(authority) != lower(*hosts.front())))
      return fail(Errc::bad_request, "the target and the Host field name different hosts");
    target.remove_prefix(authority.size());
    if (target.empty()) target = "/";
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
