#include "core/http/pipeline.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>

#include "core/base/log.hpp"
#include "core/http/csrf.hpp"
#include "core/http/error_page.hpp"
#include "core/http/reply.hpp"
#include "core/http/ticket_context.hpp"

namespace ccp::http {
namespace {

constexpr std::size_t kMaxIdempotencyKey = 255;
constexpr const char* kPolicy = "default-src 'none'; frame-ancestors 'none'";
constexpr const char* kHsts = "max-age=31536000";
constexpr std::size_t kMaxRatedAddresses = 100'000;

bool isPublicId(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
}

const char* kindName(PrincipalKind kind) noexcept {
  switch (kind) {
    case PrincipalKind::session:
      return "session";
    case PrincipalKind::access_token:
      return "access_token";
    case PrincipalKind::api_key:
      return "api_key";
    case PrincipalKind::operator_key:
      return "operator";
    case PrincipalKind::anonymous:
      break;
  }
  return "anonymous";
}

/// "/v1/license" and "/v1/license/issue" lie at or below "/v1/license" and "/v1/license/";
/// "/v1/licenses" does not.
bool liesBelow(std::string_view path, std::string_view prefix) noexcept {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

Status checkContentType(const RouteOptions& options, const Head& head) {
  if (options.content_types.empty()) return {};
  // A POST without a body need not name a type; the handler says what is missing.
  if (head.framing == Framing::none ||
      (head.framing == Framing::length && head.content_length == 0))
    return {};
  const std::string type = head.request.contentType();
  for (const auto& accepted : options.content_types) {
    if (type == accepted) return {};
  }
  std::string wanted;
  for (const auto& accepted : options.content_types)
    wanted += (wanted.empty() ? "" : " or ") + accepted;
  return fail(Errc::unsupported_media_type,
              "send " + wanted + (type.empty() ? "" : ", not " + type.substr(0, 80)));
}

}  // namespace

/// Metric handles per route, made on first use. Every request of every loop asks, so that none of
/// them waits for another here.
struct Pipeline::Instruments {
  Instruments(Metrics& m, const Router& r, const std::string& listener_name)
      : metrics(m),
        router(r),
        listener(listener_name),
        in_flight(m.gauge("ccp_http_in_flight", "Requests being answered",
                          {{"listener", listener_name}})) {}

  struct PerRoute {
    std::array<std::atomic<Counter*>, 6> by_class{};
    std::atomic<Histogram*> seconds{nullptr};
  };

  /// `route` is null for what matched none.
  void record(const Route* route, int status, double elapsed_s) {
    const auto status_class = static_cast<std::size_t>(std::clamp(status / 100, 1, 5));
    // The router is complete before the first request comes.
    std::call_once(counted,
                   [&] { routes = std::make_unique<PerRoute[]>(router.routes().size() + 1); });
    const auto number = route != nullptr ? static_cast<std::size_t>(route - router.routes().data())
                                         : router.routes().size();
    PerRoute& entry = routes[number];
    if (entry.by_class[status_class].load(std::memory_order_acquire) == nullptr)
      make(entry, route, status_class);
    entry.by_class[status_class].load(std::memory_order_relaxed)->add();
    entry.seconds.load(std::memory_order_relaxed)->observe(elapsed_s);
  }

  void make(PerRoute& entry, const Route* route, std::size_t status_class) const {
    Labels labels{{"listener", listener},
                  {"method", route != nullptr ? route->method : "-"},
                  {"route", route != nullptr ? route->pattern : "unmatched"}};
    entry.seconds.store(
        &metrics.histogram("ccp_http_request_seconds", "Time to answer, by route", labels),
        std::memory_order_relaxed);
    labels["status"] = std::to_string(status_class) + "xx";
    entry.by_class[status_class].store(
        &metrics.counter("ccp_http_requests_total",
                         "Requests answered, by route and class of status", labels),
        std::memory_order_release);
  }

  Metrics& metrics;
  const Router& router;
  std::string listener;
  Gauge& in_flight;
  std::once_flag counted;
  /// By their place in the router; the last: what matched none.
  std::unique_ptr<PerRoute[]> routes;
};

Pipeline::Pipeline(PipelineOptions options, PipelineDeps deps)
    : options_(std::move(options)),
      deps_(deps),
      https_(options_.public_url.starts_with("https://")),
      instruments_(std::make_unique<Instruments>(deps_.metrics, deps_.router, options_.listener)) {
  common_lines_ =
      std::string("X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n") +
      "Content-Security-Policy: " + kPolicy + "\r\n" +
      (https_ ? std::string("Strict-Transport-Security: ") + kHsts + "\r\n" : "");
  if (options_.requests_per_second_per_address > 0) {
    rate_ = std::make_unique<RateLimiter>(deps_.clock, options_.requests_per_second_per_address,
                                          seconds(1), kMaxRatedAddresses);
  }
}

Pipeline::~Pipeline() = default;

/// Runs a step of a request's life; whatever is thrown becomes a 500. Finished, unless it waits for
/// a bell or for another thread.
template <class Step>
Response Pipeline::guarded(Context& context, Step step) noexcept {
  Response response;
  try {
    Result<Response> result = step();
    if (result && result->promised) {
      // Who promised it may have kept it already.
      if (auto given = result->promised->take()) result = std::move(*given);
    }
    response = result ? std::move(*result) : renderError(context, result.error());
  } catch (const std::exception& error) {
    log::error("http.middleware_threw",
               {{"what", error.what()}, {"request_id", context.request().request_id}});
    response = Response::problem(Error{Errc::internal, "the server could not answer this request"},
                                 context.request().request_id);
  } catch (...) {
    response = Response::problem(Error{Errc::internal, "the server could not answer this request"},
                                 context.request().request_id);
  }
  if (!response.parking && !response.promised) {
    finish(context, response);
  } else {
    // The budget of bodies counts those that are being handled: who waits keeps none.
    context.request().body = {};
  }
  return response;
}

Admission Pipeline::admit(Head head, std::string_view peer) noexcept {
  Ticket ticket;
  ticket.context_ = std::make_unique<Context>(instruments_->in_flight);
  Context& context = *ticket.context_;
  context.started_ns = deps_.clock.monotonicNs();
  context.head = std::move(head);
  Status considered;
  try {
    considered = consider(context, peer);
  } catch (const std::exception& error) {
    log::error("http.middleware_threw",
               {{"what", error.what()}, {"request_id", context.request().request_id}});
    considered = fail(Errc::internal, "the server could not answer this request");
  } catch (...) {
    considered = fail(Errc::internal, "the server could not answer this request");
  }
  if (!considered) return refuse(ticket, considered.error());
  ticket.route = context.route;
  ticket.max_body = context.max_body;
  ticket.on_loop = context.route->options.on_loop;
  return ticket;
}

Response Pipeline::handle(Ticket& ticket, std::string body) noexcept {
  Context& context = *ticket.context_;
  return guarded(context, [&]() -> Result<Response> {
    Request& request = context.request();
    context.body_bytes = body.size();
    request.body = std::move(body);
    request.deadline = Deadline::after(deps_.clock, context.route->options.timeout);
    return answer(context);
  });
}

std::optional<Response> Pipeline::handleOnLoop(Ticket& ticket, std::string& body) noexcept {
  Context& context = *ticket.context_;
  Request& request = context.request();
  const RouteOptions& options = context.route->options;
  // What these two ask is I/O.
  if (!options.on_loop || (options.idempotent && deps_.idempotency != nullptr)) return std::nullopt;
  std::optional<Result<Principal>> known;
  if (options.auth != Auth::none) {
    if (deps_.authenticator == nullptr) return std::nullopt;
    try {
      known = deps_.authenticator->fromMemory(request, options.auth);
    } catch (...) {
      return std::nullopt;  // a worker meets it again and says so
    }
    if (!known) return std::nullopt;
  }
  context.body_bytes = body.size();
  request.body = std::move(body);
  request.deadline = Deadline::after(deps_.clock, options.timeout);
  std::optional<Result<Response>> remembered;
  if (options.from_memory && (!known || *known)) {
    if (known) request.principal = **known;
    try {
      remembered = options.from_memory(request);
    } catch (...) {
      remembered.reset();
    }
    if (!remembered) {
      request.principal = {};
      body = std::move(request.body);
      return std::nullopt;
    }
  }
  context.from_memory = remembered.has_value();
  return guarded(context, [&]() -> Result<Response> {
    if (remembered) return std::move(*remembered);
    if (known) {
      CCP_TRY(request.principal, std::move(*known));
    }
    return afterCredential(context);
  });
}

Response Pipeline::resume(Ticket& ticket, const Parking& parking) noexcept {
  Context& context = *ticket.context_;
  return guarded(context, [&]() -> Result<Response> {
    context.request().deadline = Deadline::after(deps_.clock, context.route->options.timeout);
    return callHandler(context, parking.resume);
  });
}

Response Pipeline::settle(Ticket& ticket, Result<Response> answer) noexcept {
  if (answer) {
    answer->parking.reset();
    answer->promised.reset();
  }
  return guarded(*ticket.context_, [&]() -> Result<Response> { return std::move(answer); });
}

Response Pipeline::refuse(Ticket& ticket, const Error& error) noexcept {
  return guarded(*ticket.context_, [&]() -> Result<Response> { return fail(error); });
}

Response Pipeline::reject(const Error& error, std::string_view peer) noexcept {
  Context context(instruments_->in_flight);
  context.started_ns = deps_.clock.monotonicNs();
  context.request().method = "-";
  context.request().remote_address = std::string(peer);
  context.request().request_id = newId("req", deps_.clock, deps_.random);
  Response response = Response::problem(error, context.request().request_id);
  finish(context, response);
  return response;
}

Status Pipeline::consider(Context& context, std::string_view peer) {
  Request& request = context.request();
  request.remote_address = options_.trusted_proxies.clientAddress(peer, request.headers);
  const std::string given = request.headers.get("X-Request-Id");
  request.request_id = isPublicId(given) && options_.trusted_proxies.trusts(peer)
                           ? given
                           : newId("req", deps_.clock, deps_.random);
  if (rate_) {
    if (auto taken = rate_->take(addressGroup(request.remote_address)); !taken) {
      Error error = taken.error();
      error.detail = "more than " + std::to_string(options_.requests_per_second_per_address) +
                     " requests a second from this address";
      return fail(std::move(error));
    }
  }
  if (!request.client_certificate) {
    for (const auto& path : options_.client_certificate_paths) {
      if (liesBelow(request.path, path))
        return fail(Errc::client_certificate_required,
                    "what lies at " + path + " is for clients with a certificate");
    }
  }
  auto match = deps_.router.match(request.method, request.path);
  if (match.route == nullptr) {
    if (match.allowed.empty()) return fail(Errc::not_found, "nothing answers at this path");
    for (const auto& method : match.allowed)
      context.allow += (context.allow.empty() ? "" : ", ") + method;
    return fail(Errc::method_not_allowed, "this path answers " + context.allow);
  }
  context.route = match.route;
  request.path_params = std::move(match.params);
  const RouteOptions& options = match.route->options;
  context.max_body = options.max_body == kDefaultMaxBody ? options_.max_body : options.max_body;
  if (context.head.framing == Framing::length && context.head.content_length > context.max_body) {
    return fail(Errc::body_too_large,
                "the limit is " + std::to_string(context.max_body) + " bytes");
  }
  return checkContentType(options, context.head);
}

Result<Response> Pipeline::answer(Context& context) {
  Request& request = context.request();
  const RouteOptions& options = context.route->options;
  if (options.auth != Auth::none) {
    if (deps_.authenticator == nullptr)
      return fail(Errc::unavailable, "this listener takes no credentials");
    CCP_TRY(request.principal, deps_.authenticator->authenticate(request, options.auth));
  }
  return afterCredential(context);
}

Result<Response> Pipeline::afterCredential(Context& context) {
  const Request& request = context.request();
  const RouteOptions& options = context.route->options;
  if (options.csrf) CCP_CHECK_OK(checkCsrfToken(request));
  if (options.idempotent && deps_.idempotency != nullptr) {
    const auto keys = request.headers.all("Idempotency-Key");
    if (keys.size() > 1) return fail(Errc::bad_request, "more than one Idempotency-Key");
    if (!keys.empty()) return callIdempotently(context, keys.front());
  }
  return callHandler(context, context.route->handler);
}

Result<Response> Pipeline::callHandler(Context& context, const Handler& handler) {
  const auto threw = [&](std::string_view what) {
    log::error("http.handler_threw", {{"route", context.route->pattern},
                                      {"what", what},
                                      {"request_id", context.request().request_id}});
    return fail(Errc::internal, "the handler of this route failed");
  };
  try {
    return handler(context.request());
  } catch (const std::exception& error) {
    return threw(error.what());
  } catch (...) {
    return threw("something that is no std::exception");
  }
}

Result<Response> Pipeline::callIdempotently(Context& context, const std::string& text) {
  const Request& request = context.request();
  const bool printable =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (text.empty() || text.size() > kMaxIdempotencyKey || !printable) {
    return fail(Errc::bad_request, "Idempotency-Key takes 1 to 255 printable characters");
  }
  const IdempotencyKey key{request.principal.org,
                           sha256Hex(request.principal.actor() + "\n" + request.method + " " +
                                     context.route->pattern + "\n" + text),
                           sha256Hex(request.method + " " + request.target + "\n" + request.body)};
  CCP_TRY(auto begun, deps_.idempotency->begin(key));
  switch (begun.outcome) {
    case IdempotencyStore::Outcome::replay:
      begun.response.headers.set("Idempotency-Replayed", "true");
      return std::move(begun.response);
    case IdempotencyStore::Outcome::mismatch:
      return fail(Errc::idempotency_conflict,
                  "the key belongs to a request with another target or body");
    case IdempotencyStore::Outcome::in_progress:
      return fail(
          Error{Errc::conflict, "a request with this Idempotency-Key is being answered", {}, 2});
    case IdempotencyStore::Outcome::fresh:
      break;
  }
  auto result = callHandler(context, context.route->handler);
  if (result && result->promised)
    result = fail(Errc::internal, "an idempotent route promised its answer");
  if (result) result->parking.reset();  // what is stored for a replay is an answer
  // A refusal that another try may not meet must not be remembered: server errors, rate limits and
  // states that change.
  const int status = result ? result->status : result.error().httpStatus();
  if (status >= 500 || status == 429 || status == 409 || status == 402 || status == 499) {
    deps_.idempotency->abandon(key);
    return result;
  }
  Response stored = result ? *result : renderError(context, result.error());
  if (auto kept = deps_.idempotency->complete(key, stored); !kept) {
    log::warn("http.idempotency_not_stored",
              {{"error", kept.error().text()}, {"request_id", request.request_id}});
  }
  return stored;
}

Status Pipeline::checkCsrfToken(const Request& request) const {
  // Browsers say where a form comes from; what they say is checked first, the token decides.
  if (request.headers.get("Sec-Fetch-Site") == "cross-site")
    return fail(Errc::csrf_failed, "the form came from another site");
  CCP_TRY(const Params form, request.form());
  return checkCsrf(request, form, sessionCookieName(https_));
}

Response Pipeline::renderError(const Context& context, const Error& error) const {
  const Request& request = context.request();
  const bool asks_for_page = request.headers.get("Accept").find("text/html") != std::string::npos;
  if (context.route != nullptr && context.route->options.auth == Auth::session &&
      error.httpStatus() == 401 && (request.method == "GET" || request.method == "HEAD")) {
    return Response::redirect(options_.login_path + "?next=" + urlEncode(request.target));
  }
  Response response = request.path.starts_with("/oauth/") ? oauthError(error, request.request_id)
                      : asks_for_page && !isApiPath(request.path)
                          ? errorPage(error, request.request_id)
                          : Response::problem(error, request.request_id);
  if (!context.allow.empty()) response.headers.set("Allow", context.allow);
  if (response.status == 401 && context.route != nullptr) {
    switch (context.route->options.auth) {
      case Auth::access_token:
      case Auth::client:
      case Auth::reader:
        response.headers.set("WWW-Authenticate", std::string("DPoP algs=\"EdDSA\", error=\"") +
                                                     (error.code == Errc::proof_invalid ||
                                                              error.code == Errc::proof_replayed
                                                          ? "invalid_dpop_proof"
                                                          : "invalid_token") +
                                                     "\"");
        break;
      case Auth::operator_key:
        response.headers.set("WWW-Authenticate", "Bearer");
        break;
      case Auth::introspector:
        response.headers.set("WWW-Authenticate", "Bearer, Basic realm=\"ccp\"");
        break;
      case Auth::session:
      case Auth::none:
        break;
    }
  }
  return response;
}

void Pipeline::finish(Context& context, Response& response) {
  const Request& request = context.request();
  auto& headers = response.headers;
  headers.set("X-Request-Id", request.request_id);
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  // Routes that answer from memory set none of these; theirs are kept ready for the wire.
  if (context.from_memory && response.status == 200 && !headers.has("Content-Security-Policy") &&
      !headers.has("Referrer-Policy")) {
    response.common_lines = common_lines_;
  } else {
    headers.set("X-Content-Type-Options", "nosniff");
    if (!headers.has("Referrer-Policy")) headers.set("Referrer-Policy", "no-referrer");
    if (headers.get("Content-Type").starts_with("text/html"))
      headers.set("X-Frame-Options", "DENY");
    if (!headers.has("Content-Security-Policy")) headers.set("Content-Security-Policy", kPolicy);
    if (https_) headers.set("Strict-Transport-Security", kHsts);
  }

  const double elapsed_s =
      static_cast<double>(deps_.clock.monotonicNs() - context.started_ns) / 1e9;
  instruments_->record(context.route, response.status, elapsed_s);
  // The pattern, never the raw path: paths and queries can hold codes.
  log::Line(response.status >= 500 ? log::Level::warn : log::Level::info, "http.request")
      .word("listener", options_.listener)
      .text("method", request.method)
      .word("route",
            context.route != nullptr ? std::string_view(context.route->pattern) : "unmatched")
      .number("status", response.status)
      .number("bytes_in", static_cast<std::int64_t>(context.body_bytes))
      .number("bytes_out", static_cast<std::int64_t>(response.body.size()))
      .microseconds("ms", static_cast<std::int64_t>(elapsed_s * 1e6))
      .text("request_id", request.request_id)
      .word("principal", kindName(request.principal.kind))
      .word("org", request.principal.org)
      .text("remote", request.remote_address)
      .send();
}

}  // namespace ccp::http
