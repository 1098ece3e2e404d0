#include "client.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "ccp/text.hpp"
#include "mapping.hpp"

namespace stripe {
namespace {

constexpr std::int64_t kMaxResponse = 8 << 20;
constexpr std::int64_t kDefaultRetryMs = 2'000, kLongestRetryMs = 3'600'000;
constexpr std::int64_t kFirstWaitMs = 500, kLongestWaitMs = 5'000, kTimeForAnAnswerMs = 1'000;
constexpr std::int64_t kNoDeadlineMs = 60'000, kSliceMs = 50;
constexpr std::size_t kMaxKey = 200;

/// Retry-After in seconds; Stripe sends no dates.
std::optional<std::int64_t> retryAfterMs(const std::string& header) {
  if (header.empty() || header.size() > 6 ||
      header.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::min<std::int64_t>(std::stoll(header) * 1000, kLongestRetryMs);
}

std::int64_t leftMs(const ccp::Call& call) {
  const std::uint64_t deadline = call.deadlineMonoNs();
  if (deadline == 0) return kNoDeadlineMs;
  const std::uint64_t now = call.clock().monotonicNs();
  return deadline <= now ? 0 : static_cast<std::int64_t>((deadline - now) / 1'000'000);
}

void pause(const ccp::Call& call, std::int64_t ms) {
  for (std::int64_t done = 0; done < ms; done += kSliceMs) {
    call.throwIfCancelled();
    std::this_thread::sleep_for(std::chrono::milliseconds(std::min(kSliceMs, ms - done)));
  }
}

/// The key of one write, the same at every repetition of the call. Without a key of the call a
/// random one: further attempts of this request share it.
std::string idempotencyKey(const ccp::Call& call, const Request& request) {
  std::string key = request.own_key;
  if (key.empty()) {
    key = call.idempotencyKey();
    if (key.empty()) key = "ccp-" + ccp::hexEncode(call.crypto().random(16));
    if (!request.step.empty()) key += ":" + request.step;
  }
  const bool plain = std::all_of(key.begin(), key.end(), [](char c) { return c > 32 && c < 127; });
  return plain && key.size() <= kMaxKey ? key : "ccp-" + ccp::hexEncode(call.crypto().sha256(key));
}

ccp::HttpRequest toHttp(const ClientSettings& settings, const ccp::Call& call,
                        const Request& request) {
  ccp::HttpRequest out;
  out.method = request.method;
  out.url = settings.base_url + request.path;
  if (!request.query.empty()) out.url += "?" + request.query.encode();
  out.auth.bearer = settings.key;
  out.max_response_bytes = kMaxResponse;
  out.headers.emplace_back("Accept", "application/json");
  out.headers.emplace_back("Stripe-Version", settings.api_version);
  if (request.method == "POST") {
    out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    out.headers.emplace_back("Idempotency-Key", idempotencyKey(call, request));
    out.body = request.form.encode();
  }
  return out;
}

[[noreturn]] void throwFor(const ccp::HttpResponse& response, const json& body,
                           const Request& request) {
  const std::string what = request.method + " " + request.path;
  const std::string status = std::to_string(response.status), code = codeOf(body);
  switch (response.status) {
    case 401:
      throw ccp::Error::provider("Stripe refuses the API key (401 to " + what +
                                     "); check the secret, and whether it has expired",
                                 code);
    case 403:
      throw ccp::Error::provider("Stripe does not let this API key do " + what + ": " +
                                     wordsOf(body) + ". Allow it in the restricted key",
                                 kNotAllowed);
    case 402:
      throw ccp::Error::conflict("Stripe could not collect the payment: " + wordsOf(body));
    case 409:
      throw ccp::Error::unavailable("Stripe is still busy with " + what + ": " + wordsOf(body))
          .withRetryAfterMs(kDefaultRetryMs);
    case 429:
      throw ccp::Error::rateLimited(
          "Stripe's rate limit is reached",
          retryAfterMs(response.header("retry-after")).value_or(kDefaultRetryMs));
    default:
      break;
  }
  if (response.status >= 500)
    throw ccp::Error::unavailable("Stripe answered " + status + " to " + what);
  throw ccp::Error::provider("Stripe answered " + status + " to " + what + ": " + wordsOf(body),
                             code);
}

json bodyOf(const ccp::HttpResponse& response) {
  if (response.body.empty()) return nullptr;
  try {
    return ccp::parseJson(response.body);
  } catch (const ccp::Error&) {
    if (response.ok()) throw ccp::Error::provider("Stripe answered with something that is no JSON");
    return nullptr;
  }
}

}  // namespace

std::string codeOf(const json& problem) {
  const json* error = ccp::member(problem, "error");
  if (error == nullptr) return {};
  std::string code = word(*error, "code");
  return code.empty() ? word(*error, "type") : code;
}

std::string wordsOf(const json& problem) {
  const json* error = ccp::member(problem, "error");
  if (error == nullptr) return "no reason given";
  std::string out = ccp::strOr(*error, "message", "no reason given").substr(0, 400);
  const std::string code = codeOf(problem), param = word(*error, "param");
  if (!code.empty()) out += " (" + code + (param.empty() ? "" : ", " + param) + ")";
  return out;
}

std::optional<std::int64_t> waitBefore(int status, const std::string& should_retry,
                                       const std::string& retry_after, std::int64_t tried,
                                       std::int64_t retries, std::int64_t left_ms, int dice) {
  if (tried > retries || should_retry == "false") return std::nullopt;
  const bool known = status == 0 || status == 409 || status == 429 || status >= 500;
  if (should_retry != "true" && !known) return std::nullopt;
  // Doubling, with a half of it by chance, so that many callers do not come back together.
  const std::int64_t step =
      std::min(kFirstWaitMs << std::min<std::int64_t>(tried - 1, 10), kLongestWaitMs);
  std::int64_t wait = step / 2 + step / 2 * dice / 255;
  if (const auto asked = retryAfterMs(retry_after)) wait = *asked;
  if (wait > kLongestWaitMs || wait + kTimeForAnAnswerMs > left_ms) return std::nullopt;
  return wait;
}

Answer Client::attempt(ccp::Call& call, const Request& request) const {
  const ccp::HttpRequest http = toHttp(settings_, call, request);
  for (std::int64_t tried = 1;; ++tried) {
    call.throwIfCancelled();
    const auto wait = [&](int status, const std::string& should_retry,
                          const std::string& retry_after) {
      if (tried > settings_.retries) return false;
      const int dice = static_cast<unsigned char>(call.crypto().random(1).at(0));
      const auto ms = waitBefore(status, should_retry, retry_after, tried, settings_.retries,
                                 leftMs(call), dice);
      if (ms) pause(call, *ms);
      return ms.has_value();
    };
    ccp::HttpResponse response;
    try {
      response = call.http().send(http);
    } catch (const ccp::Error& error) {
      // No connection, or none to the end: the key makes a second attempt harmless.
      if (error.rc() != CCP_RC_UNAVAILABLE || !wait(0, {}, {})) throw;
      continue;
    }
    json body = bodyOf(response);
    if (response.ok()) return {response.status, std::move(body)};
    if (wait(response.status, response.header("stripe-should-retry"),
             response.header("retry-after")))
      continue;
    if (response.status == 400 || response.status == 404) {
      const std::string code = codeOf(body);
      if (code == "idempotency_error" || code == "idempotency_key_in_use") {
        throw ccp::Error::conflict("Stripe has seen this write with other content: " +
                                   wordsOf(body));
      }
      return {code == "resource_missing" ? 404 : response.status, std::move(body)};
    }
    throwFor(response, body, request);
  }
}

json Client::send(ccp::Call& call, const Request& request) const {
  Answer answer = attempt(call, request);
  if (answer.status == 404)
    throw ccp::Error::notFound("Stripe has no such object: " + wordsOf(answer.body));
  if (!answer.ok())
    throw ccp::Error::invalidArgument("Stripe refuses the request: " + wordsOf(answer.body));
  return std::move(answer.body);
}

}  // namespace stripe
