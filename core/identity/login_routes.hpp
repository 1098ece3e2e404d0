// Pages of signing in and out: /login, /login/code, /login/link, /login/demo (dev), /logout, /account/org.
#pragma once

#include "core/config/settings.hpp"
#include "core/http/router.hpp"
#include "core/identity/login.hpp"
#include "core/identity/sessions.hpp"

namespace ccp::identity {

/// The references must outlive the router. /login/demo is not there outside of dev mode.
void addLoginRoutes(http::Router& router, const config::Settings& settings, Random& random, LoginService& login, Sessions& sessions);

}  // namespace ccp::identity
