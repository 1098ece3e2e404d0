#include <algorithm>
#include <optional>

#include "core/base/encoding.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

constexpr Duration kDefaultTimeout = seconds(30);
constexpr std::size_t kMaxResponse = std::size_t{16} << 20;
constexpr std::size_t kMaxUrl = 8192;

tl::unexpected<Error> bad(const std::string& text) { return fail(Errc::validation_failed, "ccp.http/1: " + text + "."); }

bool isToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}
bool isHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

/// What the host decides by itself and a plugin may not set.
bool isHostsHeader(std::string_view name) {
  const std::string n = lower(name);
  return n == "host" || n == "content-length" || n == "transfer-encoding" || n == "connection" || n == "expect" || n == "upgrade" ||
         n.starts_with("proxy-");
}

bool isLoopbackOrigin(std::string_view origin) {
  const auto host = origin.substr(origin.find("://") + 3);
  return host.starts_with("127.") || host.starts_with("localhost:") || host == "localhost" || host.starts_with("[::1]");
}

Result<net::HttpRequest> parseHead(const Json& head) {
  net::HttpRequest request;
  CCP_TRY(request.method, head.str("method"));
  CCP_TRY(request.url, head.str("url"));
  if (!isToken(request.method) || request.method.size() > 16) return bad("\"method\" is no HTTP method");
  if (request.url.size() > kMaxUrl) return bad("\"url\" is longer than 8192 bytes");
  for (const Json& pair : head["headers"].items()) {
    const auto& items = pair.items();
    const std::string* name = items.size() == 2 ? items[0].asString() : nullptr;
    const std::string* value = items.size() == 2 ? items[1].asString() : nullptr;
    if (!name || !value || !isToken(*name) || !isHeaderValue(*value)) return bad("\"headers\" must hold pairs of a name and a value");
    if (isHostsHeader(*name)) return bad("the header " + *name + " is the host's to set");
    request.headers.emplace_back(*name, *value);
  }
  return request;
}

}  // namespace

HttpService::HttpService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  for (const auto& origins : {grants.manifest.permissions.egress, grants.egress.origins}) {
    for (const auto& text : origins) {
      if (const auto origin = originOf(text)) allowed_.insert(*origin);
    }
  }
  table_ = {sizeof table_, 0, this,
            [](const ccp_http_v1* t, const ccp_call*, ccp_str head, ccp_str body, const ccp_sink* head_out, const ccp_sink* body_out,
               const ccp_sink* err) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<HttpService*>(t->ctx);
                const CallFrame* frame = callerOrReport(self.grants_, CCP_HTTP_ID);
                if (!frame) return CCP_RC_PERMISSION_DENIED;
                auto response = self.send(*frame, viewOf(head), viewOf(body));
                if (!response) {
                  writeTo(err, problemJson(response.error()));
                  return rcFromError(response.error());
                }
                Json headers = Json::array();
                for (auto& [name, value] : response->headers) headers.push(Json::array({Json(std::move(name)), Json(std::move(value))}));
                const ccp_rc rc = writeTo(head_out, Json::object({{"status", response->status}, {"headers", std::move(headers)}}).dump());
                return rc == CCP_RC_OK ? writeTo(body_out, response->body) : rc;
              });
            }};
}

Status HttpService::bindSecret(const std::string& id, const std::string& origin) {
  const std::lock_guard lock(mutex_);
  const auto [at, fresh] = bound_.emplace(id, origin);
  if (fresh || at->second == origin) return {};
  return fail(Errc::egress_denied, "The secret \"" + id + "\" of instance \"" + grants_.name + "\" belongs to " + at->second + " and does not go to " +
                                       origin + ".");
}

Status HttpService::attachSecret(const Json& auth, const std::string& origin, net::HttpRequest& request) {
  const std::string bearer = auth.strOr("bearer");
  const std::string basic = auth.strOr("basic_user");
  const std::string header = auth.strOr("header");
  const std::string id = !bearer.empty() ? bearer : !basic.empty() ? basic : auth.strOr("secret");
  if (id.empty() || (bearer.empty() && basic.empty() && (!isToken(header) || isHostsHeader(header)))) {
    return bad("\"auth\" must be {\"bearer\":id}, {\"basic_user\":id} or {\"header\":name,\"secret\":id}");
  }
  CCP_TRY(const SecretBytes secret, readSecret(host_, grants_, id, "http"));
  CCP_CHECK_OK(bindSecret(id, origin));
  const std::string name = header.empty() || !bearer.empty() || !basic.empty() ? "Authorization" : header;
  std::string value = !bearer.empty()  ? "Bearer " + std::string(secret.text())
                      : !basic.empty() ? "Basic " + base64Encode(bytesOf(std::string(secret.text()) + ":"))
                                       : auth.strOr("prefix") + std::string(secret.text());
  if (!isHeaderValue(value)) return fail(Errc::secret_missing, "The secret \"" + id + "\" holds characters that no header may hold.");
  std::erase_if(request.headers, [&name](const auto& pair) { return lower(pair.first) == lower(name); });
  request.headers.emplace_back(name, std::move(value));
  return {};
}

Result<net::HttpResponse> HttpService::send(const CallFrame& frame, std::string_view head_text, std::string_view body) {
  CCP_TRY(const Json head, parseJson(head_text, {256 * 1024, 8}));
  CCP_TRY(net::HttpRequest request, parseHead(head));
  const auto origin = originOf(request.url);
  if (!origin) return bad("\"url\" is no plain http(s) URL");
  if (allowed_.count(*origin) == 0) {
    return fail(Errc::egress_denied, "Instance \"" + grants_.name + "\" may not reach " + *origin + ": neither the signed manifest of " +
                                         grants_.manifest.id + " nor `egress` of the instance names it.");
  }
  if (const Json* auth = head.find("auth"); auth && !auth->isNull()) CCP_CHECK_OK(attachSecret(*auth, *origin, request));
  request.body.assign(body);

  const Deadline& deadline = frame.context().deadline;
  if (deadline.expired(host_.clock)) return fail(Errc::deadline_exceeded, "The deadline of the call was over before " + *origin + " was asked.");
  net::HttpOptions options;
  options.timeout = deadline.remaining(host_.clock, kDefaultTimeout);
  if (const auto ms = head.optInt("timeout_ms"); ms && *ms > 0) options.timeout = std::min(options.timeout, Duration(std::chrono::milliseconds(std::min<std::int64_t>(*ms, 600'000))));
  options.max_response = kMaxResponse;
  if (const auto n = head.optInt("max_response_bytes"); n && *n > 0) options.max_response = std::min(kMaxResponse, static_cast<std::size_t>(*n));
  // The list names it, and the operator of a development server wrote it there: a sandbox on this machine.
  const bool own_loopback = host_.dev && isLoopbackOrigin(*origin);
  options.public_addresses_only = !grants_.egress.private_addresses && !own_loopback;
  auto response = host_.http.send(request, options);
  host_.metrics.counter("ccp_plugin_http_requests_total", "Outbound requests of plugins",
                        {{"instance", grants_.name}, {"outcome", response ? std::to_string(response->status / 100) + "xx" : response.error().name()}}).add();
  return response;
}

}  // namespace ccp::plugin
