#include "core/app/authenticator.hpp"

namespace ccp::app {

Result<http::Principal> CompositeAuthenticator::authenticate(const http::Request& request,
                                                             http::Auth demanded) {
  using http::Auth;
  const auto credentials = request.headers.all("Authorization");
  if (credentials.size() > 1) return fail(Errc::bad_request, "more than one Authorization header");
  const bool has_header = !credentials.empty();
  switch (demanded) {
    case Auth::none:
      return http::Principal{};
    case Auth::session:
      return sessions_.authenticate(request);
    case Auth::operator_key:
      return operators_.authenticate(request);
    case Auth::access_token:
      return tokens_.authenticate(request);
    case Auth::client:
      return has_header && !licensing::AccessTokenAuthenticator::claims(request)
                 ? api_keys_.authenticate(request)
                 : tokens_.authenticate(request);
    case Auth::reader:
      if (!has_header) return sessions_.authenticate(request);
      return licensing::AccessTokenAuthenticator::claims(request) ? tokens_.authenticate(request)
                                                                  : api_keys_.authenticate(request);
    case Auth::introspector:
      return introspectors_.authenticate(request);
  }
  return fail(Errc::internal, "the route demands an unknown credential");
}

std::optional<Result<http::Principal>> CompositeAuthenticator::fromMemory(
    const http::Request& request, http::Auth demanded) {
  if (demanded == http::Auth::none) return http::Principal{};
  if (demanded == http::Auth::introspector) return introspectors_.fromMemory(request);
  return std::nullopt;
}

}  // namespace ccp::app
