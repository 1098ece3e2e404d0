// Polar over the host's HTTP service: address, version, credential, and what its failures mean.
// Owned by the plugin; thread-safe, because it keeps nothing but its settings.
#pragma once

#include <string>

#include "ccp/host.hpp"
#include "requests.hpp"

namespace polar {

struct ClientSettings {
  std::string base_url;     ///< without a trailing slash
  std::string token;        ///< secret id
  std::string api_version;  ///< Polar-Version; empty: Polar's default
};

struct Answer {
  int status = 0;
  json body;
};

class Client {
 public:
  explicit Client(ClientSettings settings) : settings_(std::move(settings)) {}

  /// The answer to a 2xx; every other status throws what it means for the caller:
  /// NOT_FOUND, CONFLICT, INVALID_ARGUMENT (422, with Polar's words), RATE_LIMITED with
  /// Retry-After, UNAVAILABLE (5xx), provider_error (credentials, unknown version, anything else).
  json send(ccp::Call& call, const Request& request) const;
  /// The same, but 404 of the object and 422 come back as they are.
  Answer attempt(ccp::Call& call, const Request& request) const;

 private:
  ClientSettings settings_;
};

/// Whether a 422 complains about this member of the body (`loc` of Polar's validation errors).
bool complainsAbout(const json& problem, const char* field);
/// Polar's own words, for an operator: "email: A customer with this email address already exists."
std::string wordsOf(const json& problem);

}  // namespace polar
