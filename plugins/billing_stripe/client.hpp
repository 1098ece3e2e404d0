// Stripe over the host's HTTP service: address, version, credential, idempotency keys, further
// attempts, and what its failures mean. Owned by the plugin; thread-safe, because it keeps nothing
// but its settings. Blocks: between attempts it waits, never beyond the deadline of the call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ccp/host.hpp"
#include "requests.hpp"

namespace stripe {

struct ClientSettings {
  std::string base_url;     ///< without a trailing slash
  std::string key;          ///< secret id
  std::string api_version;  ///< Stripe-Version
  std::int64_t retries = 2;
};

struct Answer {
  int status = 0;
  json body;
  bool ok() const noexcept { return status >= 200 && status < 300; }
};

class Client {
 public:
  explicit Client(ClientSettings settings) : settings_(std::move(settings)) {}

  /// The answer to a 2xx; every other status throws what it means for the caller: NOT_FOUND,
  /// INVALID_ARGUMENT (400, with Stripe's words), CONFLICT (402 and 409), RATE_LIMITED with
  /// Retry-After, UNAVAILABLE (5xx, busy), provider_error (key, permission, anything else).
  json send(ccp::Call& call, const Request& request) const;
  /// The same, but 400 and 404 come back as they are; an object that Stripe does not know is 404.
  Answer attempt(ccp::Call& call, const Request& request) const;

 private:
  ClientSettings settings_;
};

/// The provider code of the error that a key without the permission for a request leads to.
inline constexpr const char* kNotAllowed = "api_key_limited";

/// Stripe's own words, for an operator: "No such price: 'price_x' (resource_missing, line_items)".
std::string wordsOf(const json& problem);
/// `error.code`, or `error.type` where there is no code.
std::string codeOf(const json& problem);

/// How long to wait before a further attempt, or nothing when there is none. Pure.
/// `should_retry`: the header stripe-should-retry; `retry_after`: Retry-After; `tried`: attempts
/// made; `left_ms`: until the deadline; `dice`: 0 to 255.
std::optional<std::int64_t> waitBefore(int status, const std::string& should_retry,
                                       const std::string& retry_after, std::int64_t tried,
                                       std::int64_t retries, std::int64_t left_ms, int dice);

}  // namespace stripe
