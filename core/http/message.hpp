// Request and Response as routes see them: buffered bodies, our own types, so that the transport
// below can change without touching a route.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/http/principal.hpp"

namespace ccp::http {

/// Names of header fields compare case-insensitively; they are ASCII.
inline bool sameName(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// Header fields in order; names compare case-insensitively.
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);
  /// First value, or empty.
  std::string get(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  bool has(std::string_view name) const;
  /// The value of a field that stands there exactly once; valid as long as the field is.
  std::optional<std::string_view> only(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const noexcept { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Decoded query or form parameters in order.
class Params {
 public:
  void add(std::string name, std::string value) { items_.emplace_back(std::move(name), std::move(value)); }
  std::optional<std::string> get(std::string_view name) const;
  std::string getOr(std::string_view name, std::string_view fallback = {}) const;
  bool repeated(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& items() const noexcept { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// application/x-www-form-urlencoded text; `bad_encoding` on broken escapes or non-UTF-8.
Result<Params> parseForm(std::string_view text);

/// What a client proved to own during its TLS handshake: issued by server.tls.client_ca_file, in time and
/// not revoked.
struct ClientCertificate {
  std::string fingerprint;  ///< SHA-256 of the certificate, 64 lower-case hex digits
  std::string subject;      ///< RFC 2253: "CN=cluster-7,O=Acme"
};

struct Request {
  std::string method;
  std::string path;     ///< decoded, without query
  std::string target;   ///< as received, with query
  Params query;
  Headers headers;
  std::string body;
  std::string remote_address;  ///< the client's, after trusted proxies
  std::string request_id;
  Deadline deadline = Deadline::none();
  std::map<std::string, std::string> path_params;  ///< {name} parts of the route
  Principal principal;         ///< who asks, as the route's Auth demanded; else anonymous
  std::shared_ptr<const ClientCertificate> client_certificate;  ///< null: none, or clear text

  const std::string& param(const std::string& name) const { return path_params.at(name); }
  std::string cookie(std::string_view name) const;
  /// The body as strict JSON object; 415 unless application/json, 400 malformed, 422 no object.
  Result<Json> json() const;
  /// The body as a form; 415 unless application/x-www-form-urlencoded.
  Result<Params> form() const;
  std::string contentType() const;  ///< media type only, lower case
};

class Bell;
class Promised;
struct Response;

/// Why an answer is not given yet: the request waits, without a thread, until the bell has rung more
/// often than `seen`; then `resume` is called on a worker and answers or parks again.
struct Parking {
  std::shared_ptr<Bell> bell;
  std::uint64_t seen = 0;  ///< Bell::rung() from before the handler looked
  Deadline until = Deadline::none();
  std::function<Result<Response>(const Request&)> resume;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  /// Lines that many answers share, as they stand on the wire ("Name: value\r\n"); sent behind `headers`.
  /// What it points to outlives every answer.
  std::string_view common_lines = {};
  /// Set: this is the answer only if `parking` comes to nothing (its time is over, the server drains,
  /// too many wait already).
  std::shared_ptr<const Parking> parking = {};
  /// Set: this is no answer; another thread gives it (reply.hpp).
  std::shared_ptr<Promised> promised = {};

  static Response json(const Json& body, int status = 200);
  static Response text(std::string body, int status = 200);
  static Response html(std::string body, int status = 200);
  static Response csv(std::string body);
  static Response empty(int status = 204);
  static Response redirect(std::string location, int status = 303);
  /// application/problem+json (RFC 9457) with code, detail, next_step and request_id.
  static Response problem(const Error& error, std::string_view request_id);

  /// "Ask me again when the bell rings; if it does not, the answer is this."
  Response& park(Parking how) {
    parking = std::make_shared<const Parking>(std::move(how));
    return *this;
  }
  Response& header(std::string_view name, std::string value) {
    headers.set(name, std::move(value));
    return *this;
  }
  /// Adds Cache-Control: no-store.
  Response& noStore() { return header("Cache-Control", "no-store"); }
};

}  // namespace ccp::http
