// Outbound HTTP for the server, its plugins (through the host service) and the `ccp` command.
// Poco behind http_client.cpp. Verifies TLS; never follows redirects; bounded time and size.
// Threads: thread-safe; each call has its own connection.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::net {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// First value, name compared case-insensitively; empty when absent.
  std::string header(std::string_view name) const;
};

struct HttpOptions {
  Duration timeout = seconds(30);        ///< connect + send + receive
  std::size_t max_response = 8u << 20;
  /// Refuses loopback, private, link-local and metadata addresses after resolving (SSRF guard), and
  /// connects to the very address that was checked.
  bool public_addresses_only = false;
  std::string user_agent = "ccp/" CCP_VERSION;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// `unreachable` (no connection), `deadline_exceeded`, `egress_denied`, `bad_request` (URL).
  /// Any HTTP status is success here.
  virtual Result<HttpResponse> send(const HttpRequest& request, const HttpOptions& options) = 0;
};

class PocoHttpClient final : public HttpClient {
 public:
  /// `ca_file` adds trust anchors (PEM) to the system's; what cannot be read is `config_invalid` at the first
  /// https request.
  explicit PocoHttpClient(std::string ca_file = {});
  ~PocoHttpClient() override;
  Result<HttpResponse> send(const HttpRequest& request, const HttpOptions& options) override;

 private:
  class Reaper;
  std::string ca_file_;
  std::unique_ptr<Reaper> reaper_;
};

}  // namespace ccp::net
