#include "core/app/openapi.hpp"

namespace ccp::embedded {
std::string_view openApi(std::string_view name);
}

namespace ccp::app {

const Json& openApiDocument() {
  static const Json document = *parseJson(embedded::openApi("openapi.json"));
  return document;
}

void addOpenApiRoute(http::Router& router, const std::string& public_url) {
  Json document = openApiDocument();
  Json servers = Json::array();
  servers.push(Json::object({{"url", public_url}}));
  document.set("servers", std::move(servers));
  http::RouteOptions options;
  options.summary = "This document";
  router.get("/openapi.json", std::move(options),
             [text = document.dump()](const http::Request&) -> Result<http::Response> {
               auto response = http::Response::text(text);
               response.header("Content-Type", "application/json")
                   .header("Cache-Control", "public, max-age=300");
               return response;
             });
}

}  // namespace ccp::app
