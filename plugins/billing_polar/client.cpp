#include "client.hpp"

#include <cstdint>

namespace polar {
namespace {

constexpr std::int64_t kMaxResponse = 8 << 20;
constexpr std::int64_t kDefaultRetryMs = 5'000, kLongestRetryMs = 3'600'000;

/// Retry-After in seconds; Polar sends no dates.
std::int64_t retryAfterMs(const std::string& header) {
  if (header.empty() || header.size() > 6 ||
      header.find_first_not_of("0123456789") != std::string::npos)
    return kDefaultRetryMs;
  return std::min<std::int64_t>(std::stoll(header) * 1000, kLongestRetryMs);
}

ccp::HttpRequest toHttp(const ClientSettings& settings, const ccp::Call& call,
                        const Request& request) {
  ccp::HttpRequest out;
  out.method = request.method;
  out.url = settings.base_url + request.path;
  out.auth.bearer = settings.token;
  out.max_response_bytes = kMaxResponse;
  out.headers.emplace_back("Accept", "application/json");
  if (!settings.api_version.empty())
    out.headers.emplace_back("Polar-Version", settings.api_version);
  if (!request.body.is_null()) {
    out.headers.emplace_back("Content-Type", "application/json");
    out.body = ccp::dumpJson(request.body);
  }
  const std::string key = call.idempotencyKey();
  if (request.method != "GET" && !key.empty()) out.headers.emplace_back("Idempotency-Key", key);
  return out;
}

[[noreturn]] void throwFor(const ccp::HttpResponse& response, const json& body,
                           const Request& request) {
  const std::string what = request.method + " " + request.path.substr(0, request.path.find('?'));
  const std::string code = std::to_string(response.status);
  switch (response.status) {
    case 401:
    case 403:
      if (ccp::optStr(body, "error").value_or("").find("Subscription") != std::string::npos) {
        throw ccp::Error::conflict("Polar refuses " + what + ": " + wordsOf(body));
      }
      throw ccp::Error::provider("Polar refuses the access token (" + code + " to " + what +
                                     "); check the secret, its scopes and `server`",
                                 code);
    case 402:
      throw ccp::Error::conflict("Polar could not collect the payment: " + wordsOf(body));
    case 409:
      throw ccp::Error::conflict("Polar: " + wordsOf(body));
    case 429:
      throw ccp::Error::rateLimited("Polar's rate limit is reached",
                                    retryAfterMs(response.header("retry-after")));
    default:
      break;
  }
  if (response.status >= 500)
    throw ccp::Error::unavailable("Polar answered " + code + " to " + what);
  throw ccp::Error::provider("Polar answered " + code + " to " + what + ": " + wordsOf(body), code);
}

}  // namespace

bool complainsAbout(const json& problem, const char* field) {
  const json* detail = ccp::member(problem, "detail");
  if (detail == nullptr || !detail->is_array()) return false;
  for (const auto& item : *detail) {
    const json* where = ccp::member(item, "loc");
    if (where == nullptr || !where->is_array()) continue;
    for (const auto& part : *where) {
      if (part.is_string() && part.get_ref<const std::string&>() == field) return true;
    }
  }
  return false;
}

std::string wordsOf(const json& problem) {
  const json* detail = ccp::member(problem, "detail");
  if (detail != nullptr && detail->is_string()) return detail->get<std::string>().substr(0, 500);
  std::string out;
  if (detail != nullptr && detail->is_array()) {
    for (const auto& item : *detail) {
      if (out.size() > 500) break;
      const json* where = ccp::member(item, "loc");
      if (!out.empty()) out += "; ";
      if (where != nullptr && where->is_array() && !where->empty() && where->back().is_string())
        out += where->back().get<std::string>() + ": ";
      out += ccp::strOr(item, "msg");
    }
  }
  return out.empty() ? "no reason given" : out.substr(0, 500);
}

Answer Client::attempt(ccp::Call& call, const Request& request) const {
  call.throwIfCancelled();
  const ccp::HttpResponse response = call.http().send(toHttp(settings_, call, request));
  json body;
  if (!response.body.empty()) {
    try {
      body = ccp::parseJson(response.body);
    } catch (const ccp::Error&) {
      if (response.ok())
        throw ccp::Error::provider("Polar answered with something that is no JSON");
    }
  }
  if (response.ok() || response.status == 422) return {response.status, std::move(body)};
  if (response.status == 404) {
    // An unknown Polar-Version gets the same answer as an unknown path.
    if (ccp::strOr(body, "detail") == "Not Found" && !ccp::optStr(body, "error")) {
      throw ccp::Error::provider("Polar knows no such path: is `api_version` \"" +
                                     settings_.api_version + "\" one that it supports?",
                                 "404");
    }
    return {response.status, std::move(body)};
  }
  throwFor(response, body, request);
}

json Client::send(ccp::Call& call, const Request& request) const {
  Answer answer = attempt(call, request);
  if (answer.status == 404)
    throw ccp::Error::notFound("Polar has no such object: " +
                               request.path.substr(0, request.path.find('?')));
  if (answer.status == 422)
    throw ccp::Error::invalidArgument("Polar refuses the request: " + wordsOf(answer.body));
  return std::move(answer.body);
}

}  // namespace polar
