#include "core/http/wire.hpp"

#include <strings.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "core/base/log.hpp"

namespace ccp::http {
namespace {

/// Written once a second and thread.
const std::string& httpDate() {
  thread_local std::time_t written = 0;
  thread_local std::string text;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now == written) return text;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> buffer{};
  // The C locale is never changed (plugins must not, see the plugin guide), so the names are
  // English.
  const auto n = std::strftime(buffer.data(), buffer.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  text.assign(buffer.data(), n);
  written = now;
  return text;
}

bool isOurs(const std::string& name) noexcept {
  const char first = name.empty() ? '\0' : static_cast<char>(name.front() | 0x20);
  if (first != 'c' && first != 't' && first != 'd') return false;
  for (const char* own : {"Content-Length", "Transfer-Encoding", "Connection", "Date"}) {
    if (::strcasecmp(name.c_str(), own) == 0) return true;
  }
  return false;
}

}  // namespace

const char* reasonPhrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

std::string serializeHead(const Response& response, std::size_t length, bool keep_alive) {
  std::string out = "HTTP/1.1 ";
  out.reserve(512);
  out += std::to_string(response.status);
  out += ' ';
  out += reasonPhrase(response.status);
  out += "\r\n";
  for (const auto& [name, value] : response.headers.fields()) {
    if (isOurs(name)) continue;
    const auto endsLine = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
    if (std::any_of(value.begin(), value.end(), endsLine) ||
        std::any_of(name.begin(), name.end(),
                    [&](char c) { return endsLine(c) || c == ':' || c == ' '; })) {
      log::error("http.header_dropped", {{"name", name}});
      continue;
    }
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  out += response.common_lines;
  out += "Date: ";
  out += httpDate();
  if (!isBodyless(response.status)) {
    out += "\r\nContent-Length: ";
    out += std::to_string(length);
  }
  out += keep_alive ? "\r\nConnection: keep-alive\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return out;
}

std::string serializeResponse(const Response& response, bool head_only, bool keep_alive) {
  std::string out = serializeHead(response, response.body.size(), keep_alive);
  if (!head_only && !isBodyless(response.status)) out += response.body;
  return out;
}

}  // namespace ccp::http
