// The authorization server over HTTP: discovery (RFC 8414), device authorization (RFC 8628), token and
// revocation (RFC 7009). Answers follow RFC 6749, also for refusals.
#pragma once

#include "core/config/settings.hpp"
#include "core/http/router.hpp"
#include "core/identity/device_grants.hpp"
#include "core/identity/tokens.hpp"

namespace ccp::identity {

/// The references must outlive the router.
void addOAuthRoutes(http::Router& router, const config::Settings& settings, DeviceGrants& grants, TokenService& tokens);

}  // namespace ccp::identity
