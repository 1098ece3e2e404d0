// Who asks: picks the credential that a request carries and asks the feature that knows it. A route
// says which kinds it takes; one request counts with one credential only.
// Threads: thread-safe.
#pragma once

#include "core/app/introspector_auth.hpp"
#include "core/app/operator_auth.hpp"
#include "core/http/router.hpp"
#include "core/identity/api_keys.hpp"
#include "core/identity/sessions.hpp"
#include "core/licensing/authenticator.hpp"

namespace ccp::app {

class CompositeAuthenticator final : public http::Authenticator {
 public:
  CompositeAuthenticator(identity::Sessions& sessions, identity::ApiKeys& api_keys,
                         licensing::AccessTokenAuthenticator& tokens, OperatorAuth& operators,
                         IntrospectorAuth& introspectors)
      : sessions_(sessions), api_keys_(api_keys), tokens_(tokens), operators_(operators), introspectors_(introspectors) {}

  Result<http::Principal> authenticate(const http::Request& request, http::Auth demanded) override;
  /// Known for Auth::introspector; everything else takes a look-up or a signature.
  std::optional<Result<http::Principal>> fromMemory(const http::Request& request,
                                                    http::Auth demanded) override;

 private:
  identity::Sessions& sessions_;
  identity::ApiKeys& api_keys_;
  licensing::AccessTokenAuthenticator& tokens_;
  OperatorAuth& operators_;
  IntrospectorAuth& introspectors_;
};

}  // namespace ccp::app
