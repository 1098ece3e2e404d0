#include "cli/support/server.hpp"

#include <algorithm>
#include <charconv>

#include "core/base/encoding.hpp"
#include "core/crypto/dpop.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kClientId = "ccp-cli";

std::string formBody(const std::vector<std::pair<std::string, std::string>>& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (!out.empty()) out += '&';
    out += urlEncode(name) + "=" + urlEncode(value);
  }
  return out;
}

/// The OAuth codes that mean "log in again"; the others keep their text.
Errc oauthCode(const std::string& error) {
  if (error == "invalid_grant" || error == "invalid_token") return Errc::not_logged_in;
  if (error == "access_denied") return Errc::forbidden;
  if (error == "expired_token") return Errc::code_invalid;
  if (error == "invalid_dpop_proof") return Errc::proof_invalid;
  return Errc::invalid_request;
}

/// Seconds of a Retry-After header (RFC 9110); the form with a date counts as none.
int retryAfter(const net::HttpResponse& response) {
  const auto text = response.header("retry-after");
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::clamp(value, 0, 86400) : 0;
}

Error explain(const Answer& answer) {
  if (const auto code = answer.json.optStr("code")) {
    Error error{errcFromName(*code), answer.json.strOr("detail", answer.json.strOr("title"))};
    error.retry_after_s = static_cast<int>(answer.json.intOr("retry_after_s"));
    for (const auto& field : answer.json["errors"].items())
      error.fields.push_back({field.strOr("pointer"), field.strOr("rule")});
    if (const auto id = answer.json.optStr("request_id")) error.detail += " (request " + *id + ")";
    return error;
  }
  if (const auto code = answer.json.optStr("error"))
    return {oauthCode(*code), answer.json.strOr("error_description", *code)};
  return {answer.status >= 500 ? Errc::unavailable : Errc::unreachable,
          "The server answered " + std::to_string(answer.status) +
              " and no document of CCP; is the address right?"};
}

}  // namespace

Error errorFrom(const Answer& answer) {
  Error error = explain(answer);
  if (error.retry_after_s == 0) error.retry_after_s = answer.retry_after_s;
  return error;
}

Result<Answer> plainRequest(const Context& context, const std::string& method,
                            const std::string& url, const std::string& body,
                            const std::vector<std::pair<std::string, std::string>>& headers) {
  net::HttpOptions options;
  options.timeout = context.timeout;
  options.max_response = context.max_answer;
  CCP_TRY(auto response, context.http.send({method, url, headers, body}, options));
  Answer answer{response.status,
                response.header("content-type"),
                std::move(response.body),
                {},
                retryAfter(response)};
  if (answer.content_type.find("json") != std::string::npos)
    answer.json = parseJson(answer.body, JsonLimits{8u << 20, 64}).value_or(Json());
  return answer;
}

Result<std::string> serverAddress(const std::string& text) {
  std::string url = text;
  if (url.find("://") == std::string::npos) url = "https://" + url;
  while (!url.empty() && url.back() == '/') url.pop_back();
  const bool plain = url.starts_with("http://");
  if (!url.starts_with("https://") && !plain)
    return fail(Errc::usage_error, "\"" + text + "\" is not the address of a server.");
  const auto host =
      url.substr(plain ? 7 : 8, url.find_first_of(":/", plain ? 7 : 8) - (plain ? 7 : 8));
  if (plain && host != "localhost" &&
      !(host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos) &&
      !url.starts_with("http://[::1]")) {
    return fail(Errc::usage_error, "\"" + text + "\" would send tokens in the clear; use https.");
  }
  return url;
}

Result<Endpoints> Endpoints::discover(const Context& context, const std::string& server) {
  CCP_TRY(const auto answer,
          plainRequest(context, "GET", server + "/.well-known/oauth-authorization-server"));
  if (answer.status != 200 || !answer.json.isObject()) return fail(errorFrom(answer));
  Endpoints out{answer.json.strOr("issuer"), answer.json.strOr("device_authorization_endpoint"),
                answer.json.strOr("token_endpoint"), answer.json.strOr("revocation_endpoint")};
  if (out.issuer != server) {
    return fail(Errc::validation_failed, "The server calls itself \"" + out.issuer +
                                             "\"; use that address instead of \"" + server + "\".");
  }
  if (out.device_authorization.empty() || out.token.empty())
    return fail(Errc::unreachable, server + " offers no device flow.");
  return out;
}

Result<Json> tokenRequest(const Context& context, const crypto::SigningKey& key,
                          const std::string& token_endpoint,
                          const std::vector<std::pair<std::string, std::string>>& form) {
  auto fields = form;
  fields.emplace_back("client_id", kClientId);
  const auto proof = crypto::makeDpopProof(key, "POST", token_endpoint, newToken(context.random),
                                           context.clock.now());
  CCP_TRY(const auto answer,
          plainRequest(context, "POST", token_endpoint, formBody(fields),
                       {{"Content-Type", "application/x-www-form-urlencoded"}, {"DPoP", proof}}));
  if (answer.status != 200 && !answer.json.optStr("error")) return fail(errorFrom(answer));
  return answer.json;
}

Result<Server> Server::connect(const Context& context) {
  const Profile profile(context);
  CCP_TRY(auto session, profile.session());
  if (!context.server.empty()) {
    CCP_TRY(const auto wanted, serverAddress(context.server));
    // Another address with the same login is refused: a token must not go where it does not belong.
    if (wanted != session.server) {
      return fail(Errc::not_logged_in,
                  "This machine is logged in at " + session.server + ", not at " + wanted + ".");
    }
  }
  CCP_TRY(auto key, profile.deviceKey(false));
  return Server(context, std::move(session), std::move(key));
}

Status Server::refresh() {
  const Profile profile(context_);
  const auto lock = profile.lock();
  // Another command may have renewed it while this one waited.
  CCP_TRY(auto stored, profile.session());
  const bool renewed = stored.access_token != session_.access_token;
  session_ = std::move(stored);
  if (renewed && session_.access_expires_at &&
      *session_.access_expires_at > context_.clock.now() + seconds(10))
    return {};
  CCP_TRY(const auto answer, tokenRequest(context_, key_, session_.server + "/oauth/token",
                                          {{"grant_type", "refresh_token"},
                                           {"refresh_token", session_.refresh_token}}));
  if (const auto error = answer.optStr("error")) {
    // The session lives: a seat that rests goes on with the same login once there is room again.
    constexpr std::string_view kResting = "seat_over_limit: ";
    if (const auto why = answer.strOr("error_description"); why.starts_with(kResting))
      return fail(Errc::seat_over_limit, why.substr(kResting.size()));
    return fail(oauthCode(*error),
                "The session has ended: " + answer.strOr("error_description", *error));
  }
  session_.access_token = answer.strOr("access_token");
  session_.refresh_token = answer.strOr("refresh_token", session_.refresh_token);
  session_.access_expires_at = context_.clock.now() + seconds(answer.intOr("expires_in", 60));
  return profile.save(session_);
}

Result<Answer> Server::once(const std::string& method, const std::string& path,
                            const std::optional<std::string>& text,
                            const std::vector<std::pair<std::string, std::string>>& headers) {
  const auto url = session_.server + path;
  auto all = headers;
  all.emplace_back("Authorization", "DPoP " + session_.access_token);
  all.emplace_back("DPoP", crypto::makeDpopProof(key_, method, url.substr(0, url.find('?')),
                                                 newToken(context_.random), context_.clock.now(),
                                                 session_.access_token));
  if (text) all.emplace_back("Content-Type", "application/json");
  return plainRequest(context_, method, url, text.value_or(""), all);
}

Result<Answer> Server::exchange(const std::string& method, const std::string& path,
                                const std::optional<std::string>& text,
                                const std::vector<std::pair<std::string, std::string>>& headers) {
  const bool due = !session_.access_expires_at ||
                   *session_.access_expires_at < context_.clock.now() + seconds(10);
  if (due) CCP_CHECK_OK(refresh());
  CCP_TRY(auto answer, once(method, path, text, headers));
  if (answer.status == 401 && !due) {
    const auto code = answer.json.strOr("code");
    if (code != "token_expired" && code != "token_invalid" && code != "token_revoked" &&
        code != "key_unknown")
      return fail(errorFrom(answer));
    CCP_CHECK_OK(refresh());
    CCP_TRY(answer, once(method, path, text, headers));
  }
  return answer;
}

Result<Json> Server::call(const std::string& method, const std::string& path,
                          const std::optional<Json>& body,
                          const std::vector<std::pair<std::string, std::string>>& headers) {
  CCP_TRY(const auto answer,
          exchange(method, path, body ? std::optional(body->dump()) : std::nullopt, headers));
  if (answer.status >= 400) return fail(errorFrom(answer));
  return answer.json;
}

}  // namespace ccp::cli
