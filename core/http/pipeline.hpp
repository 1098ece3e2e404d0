// The middleware, in order: request id, client address, rate, route, length and type of the body
// (admit: before the body is read, without I/O), then credential, CSRF, idempotency replay,
// handler, error rendering, security headers, access log, metrics (handle: with the body).
// Transport-free: a server hands over a parsed head, reads the body within the ticket's cap, and
// hands that over. Built once at start. Threads: every method from any thread; a Ticket belongs to
// one at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/random.hpp"
#include "core/http/head_parser.hpp"
#include "core/http/idempotency.hpp"
#include "core/http/proxies.hpp"
#include "core/http/rate_limit.hpp"
#include "core/http/router.hpp"
#include "core/http/ticket.hpp"

namespace ccp::http {

struct PipelineOptions {
  std::string listener = "public";  ///< label in logs and metrics
  std::string public_url;  ///< https: HSTS and the __Host- cookie; also the Origin of forms
  std::string login_path = "/login";
  TrustedProxies trusted_proxies = {};
  std::size_t max_body = kDefaultMaxBody;   ///< for routes that name no cap of their own
  std::vector<std::string> client_certificate_paths = {};  ///< 403 at and below these without one
  int requests_per_second_per_address = 0;  ///< 429 beyond, by the client's address; 0 = no limit
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

  /// Decides on the head alone: a ticket, or the answer at once (404, 405, 413, 415, 429). Neither
  /// blocks nor does I/O. Never throws, as all of these.
  Admission admit(Head head, std::string_view peer) noexcept;
  /// The rest of the life of one request; may block. A Response with `parking` is no answer yet:
  /// keep the ticket, then resume() when the bell rang, or settle() with that Response when the
  /// time is over. One with `promised` is none either: settle() with what is given.
  Response handle(Ticket& ticket, std::string body) noexcept;
  /// The same without blocking, for tickets with `on_loop`: nothing when a worker must do it, and
  /// then `body` is untouched.
  std::optional<Response> handleOnLoop(Ticket& ticket, std::string& body) noexcept;
  Response resume(Ticket& ticket, const Parking& parking) noexcept;
  Response settle(Ticket& ticket, Result<Response> answer) noexcept;
  /// Ends a request that was let in and cannot be handled (its body is bad, late or too much).
  Response refuse(Ticket& ticket, const Error& error) noexcept;
  /// The answer to what never became a request, or came at a bad time (overload, shutdown).
  Response reject(const Error& error, std::string_view peer) noexcept;

  const TrustedProxies& trustedProxies() const noexcept { return options_.trusted_proxies; }

 private:
  struct Instruments;
  using Context = Ticket::Context;
  Status consider(Context& context, std::string_view peer);
  Result<Response> answer(Context& context);
  Result<Response> afterCredential(Context& context);
  Result<Response> callHandler(Context& context, const Handler& handler);
  Result<Response> callIdempotently(Context& context, const std::string& key);
  Status checkCsrfToken(const Request& request) const;
  Response renderError(const Context& context, const Error& error) const;
  template <class Step>
  Response guarded(Context& context, Step step) noexcept;
  void finish(Context& context, Response& response);

  PipelineOptions options_;
  PipelineDeps deps_;
  bool https_;
  std::string common_lines_;  ///< security headers of an answer that says nothing else about them
  std::unique_ptr<RateLimiter> rate_;
  std::unique_ptr<Instruments> instruments_;
};

}  // namespace ccp::http
