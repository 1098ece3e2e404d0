// tests/fixtures/http/rfc9112.txt as values, and the routes that its cases ask. Header only: unit and
// integration tests share it.
#pragma once

#include <cctype>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/http/router.hpp"

namespace ccp::test {

struct HttpCase {
  std::string name;   ///< "7.1 an empty size"
  std::string bytes;
  std::vector<int> statuses;
  bool close = false;  ///< else the connection stays open
  std::string nginx;   ///< why nginx may differ; empty: it may not be stricter
};

/// \r \n \t \0 \\ \xHH and {N*text}.
inline std::string unescapeCase(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' && i + 1 < text.size() && std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0) {
      const auto star = text.find('*', i);
      const auto end = text.find('}', i);
      if (star == std::string::npos || end == std::string::npos) throw std::runtime_error("bad repeat: " + text);
      const auto part = unescapeCase(text.substr(star + 1, end - star - 1));
      for (int n = std::stoi(text.substr(i + 1, star - i - 1)); n > 0; --n) out += part;
      i = end;
      continue;
    }
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    switch (text.at(++i)) {
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case '0': out += '\0'; break;
      case '\\': out += '\\'; break;
      case 'x':
        out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
        break;
      default: throw std::runtime_error("unknown escape: " + text);
    }
  }
  return out;
}

inline std::vector<HttpCase> readHttpTable(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::vector<HttpCase> out;
  bool bytes = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) {
      out.push_back({line.substr(3), {}, {}, false, {}});
      bytes = true;
    } else if (line.starts_with("=> ")) {
      bytes = false;
      std::size_t at = 3;
      while (at < line.size()) {
        const auto end = std::min(line.find(' ', at), line.size());
        const auto word = line.substr(at, end - at);
        at = end + 1;
        if (word == "open" || word == "close") {
          out.back().close = word == "close";
        } else if (word != "none") {
          out.back().statuses.push_back(std::stoi(word));
        }
      }
    } else if (line.starts_with("~ ")) {
      out.back().nginx = line.substr(2);
    } else if (bytes && !line.empty()) {
      out.back().bytes += unescapeCase(line);
    }
  }
  return out;
}

inline void addTableRoutes(http::Router& router) {
  const auto ok = [](const http::Request&) -> Result<http::Response> { return http::Response::text("ok"); };
  router.get("/", {}, ok);
  router.get("/a", {}, ok);
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    router.add(method, "/echo", {}, [](const http::Request& r) -> Result<http::Response> { return http::Response::text(r.body); });
  }
}

/// The statuses of the answers in `wire`, in order; 0 at the end when something else stands there. The
/// answer to a HEAD must be the first, and `head` says that it is one. 100 is not counted.
inline std::vector<int> statusesOf(std::string_view wire, bool head = false) {
  std::vector<int> out;
  while (!wire.empty()) {
    const auto end = wire.find("\r\n\r\n");
    if (!wire.starts_with("HTTP/1.1 ") || end == std::string_view::npos) {
      out.push_back(0);
      return out;
    }
    const auto fields = wire.substr(0, end);
    const int status = std::stoi(std::string(wire.substr(9, 3)));
    wire.remove_prefix(end + 4);
    if (status == 100) continue;
    out.push_back(status);
    std::size_t length = 0;
    for (const char* name : {"Content-Length: ", "content-length: "}) {
      if (const auto at = fields.find(name); at != std::string_view::npos)
        length = std::stoul(std::string(fields.substr(at + 16, fields.find('\r', at) - at - 16)));
    }
    if (head && out.size() == 1) length = 0;
    if (length > wire.size()) {
      out.push_back(0);
      return out;
    }
    wire.remove_prefix(length);
  }
  return out;
}

inline std::string outcomeText(const std::vector<int>& statuses, bool close) {
  std::string out;
  for (const int status : statuses) out += std::to_string(status) + " ";
  return out + (close ? "close" : "open");
}

}  // namespace ccp::test
