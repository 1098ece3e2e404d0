// /v1/org/api-keys: what an organization's own programs sign in with.
#pragma once

#include "core/http/router.hpp"
#include "core/identity/api_keys.hpp"

namespace ccp::identity {

void addApiKeyRoutes(http::Router& router, ApiKeys& keys);

}  // namespace ccp::identity
