// The middleware, in order: request id, client address, route, length and type of the body,
// credential, body, CSRF, idempotency replay, handler, error rendering, security headers, access
// log, metrics. Transport-free: a server hands over a parsed head and a way to read the body. Built
// once at start; handle() and reject() may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/http/head_parser.hpp"
#include "core/http/idempotency.hpp"
#include "core/http/proxies.hpp"
#include "core/http/router.hpp"

namespace ccp::http {

/// Reads the body of the request at hand, at most once. Fails with `body_too_large`, `bad_framing`,
/// `deadline_exceeded` or `cancelled`; counts while it reads, so that nothing beyond the cap is
/// kept.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual Result<std::string> read(std::size_t max_bytes) = 0;
};

struct PipelineOptions {
  std::string listener = "public";  ///< label in logs and metrics
  std::string public_url;  ///< https: HSTS and the __Host- cookie; also the Origin of forms
  std::string login_path = "/login";
  TrustedProxies trusted_proxies = {};
  std::size_t max_body = kDefaultMaxBody;  ///< for routes that name no cap of their own
};

struct PipelineDeps {
  const Router& router;
  Authenticator* authenticator = nullptr;   ///< needed as soon as a route demands a credential
  IdempotencyStore* idempotency = nullptr;  ///< without one Idempotency-Key is ignored
  Metrics& metrics;
  const Clock& clock;
  Random& random;
};

class Pipeline {
 public:
  Pipeline(PipelineOptions options, PipelineDeps deps);
  ~Pipeline();

  /// The whole life of one request. Never throws.
  Response handle(Head head, std::string_view peer, BodySource& body) noexcept;
  /// The answer to what never became a request, or came at a bad time (overload, shutdown).
  Response reject(const Error& error, std::string_view peer) noexcept;

 private:
  struct Instruments;
  struct Context;
  Result<Response> answer(Context& context, BodySource& body);
  Result<Response> callHandler(Context& context);
  Result<Response> callIdempotently(Context& context, const std::string& key);
  Status checkCsrfToken(const Request& request) const;
  Response renderError(const Context& context, const Error& error) const;
  void finish(Context& context, Response& response);

  PipelineOptions options_;
  PipelineDeps deps_;
  bool https_;
  std::unique_ptr<Instruments> instruments_;
};

}  // namespace ccp::http
