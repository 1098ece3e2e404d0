// GET /openapi.json: the description in openapi/openapi.json, which is written by hand and held
// against the router's routes and the server's answers by tests.
#pragma once

#include <string>

#include "core/http/router.hpp"

namespace ccp::app {

void addOpenApiRoute(http::Router& router, const std::string& public_url);
/// The document as it is embedded, for the test that compares it with the routes.
const Json& openApiDocument();

}  // namespace ccp::app
