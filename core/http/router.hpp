// Routes: method + pattern -> handler, with what a route demands (credential, body limit, type) said
// beside it. The router is built once at start and then read-only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/message.hpp"

namespace ccp::http {

/// A handler parses, calls one service, renders. Errors become problem+json.
using Handler = std::function<Result<Response>(const Request&)>;
/// Answers from memory or not at all: called on an event loop, must neither block nor check signatures.
/// Nothing: a worker runs the route's handler.
using MemoryHandler = std::function<std::optional<Result<Response>>(const Request&)>;

/// Credential that a route demands.
enum class Auth {
  none,
  session,       ///< browser session cookie; without one: redirect to /login
  access_token,  ///< Authorization: DPoP + proof
  client,        ///< access token or API key
  reader,        ///< access token, API key or browser session: dashboards
  operator_key,  ///< Authorization: Bearer <operator key>
  introspector,  ///< API key with the scope "introspect", or the introspection key: Bearer or Basic
};

/// A route with this cap takes the server's (server.max_body).
inline constexpr std::size_t kDefaultMaxBody = 1 << 20;

struct RouteOptions {
  Auth auth = Auth::none;
  std::size_t max_body = kDefaultMaxBody;
  /// Media types accepted for a body; empty = any. Others get 415.
  std::vector<std::string> content_types = {};
  /// POST by a browser with a session: the middleware checks the CSRF token of the form (csrf.hpp).
  bool csrf = false;
  Duration timeout = seconds(30);
  /// Replays the stored answer for a repeated Idempotency-Key (per principal).
  bool idempotent = false;
  /// Answers from memory, or hands the work over (reply.hpp), and never blocks: an event loop may
  /// call the handler itself, once the principal is known (Authenticator::fromMemory).
  bool on_loop = false;
  /// With on_loop: what the loop calls in place of the handler, for routes that know only some answers.
  MemoryHandler from_memory = {};
  /// One line for /openapi.json and docs.
  std::string summary = {};
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  /// The principal for what the route demands, or 401/403/402 as an Error.
  virtual Result<Principal> authenticate(const Request& request, Auth demanded) = 0;
  /// The same when it is known without I/O and without checking a signature; nothing: ask authenticate().
  virtual std::optional<Result<Principal>> fromMemory(const Request& request, Auth demanded) {
    (void)request;
    (void)demanded;
    return std::nullopt;
  }
};

struct Route {
  std::string method;
  std::string pattern;  ///< "/v1/orgs/{org}/members/{user}"
  RouteOptions options;
  Handler handler;
};

class Router {
 public:
  void add(std::string method, std::string pattern, RouteOptions options, Handler handler);
  void get(std::string pattern, RouteOptions options, Handler handler) { add("GET", std::move(pattern), std::move(options), std::move(handler)); }
  void post(std::string pattern, RouteOptions options, Handler handler) { add("POST", std::move(pattern), std::move(options), std::move(handler)); }

  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string> params;
    std::vector<std::string> allowed;  ///< methods of the path, when the method does not fit
  };
  /// HEAD matches GET. route == nullptr: 404, or 405 when `allowed` is not empty.
  Match match(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const noexcept { return routes_; }

 private:
  /// A pattern with parameters, taken apart once.
  struct Template {
    std::size_t route;  ///< its place in routes_
    std::vector<std::string> segments;
    std::size_t literals = 0;  ///< segments that are no parameters: the more, the more specific
  };

  std::vector<Route> routes_;
  /// Routes without parameters, by path.
  std::map<std::string, std::vector<std::size_t>, std::less<>> literal_;
  std::vector<Template> templates_;
};

}  // namespace ccp::http
