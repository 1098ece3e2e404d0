#include "core/http/assets.hpp"

#include <array>
#include <map>

#include "core/base/encoding.hpp"

namespace ccp::embedded {
std::string_view httpAssets(std::string_view name);
}

namespace ccp::http {
namespace {

struct Asset {
  std::string_view content;
  std::string type;
  std::string hash;
};

const std::map<std::string, Asset, std::less<>>& assets() {
  static const auto all = [] {
    std::map<std::string, Asset, std::less<>> out;
    for (const auto& [name, type] : std::array<std::pair<const char*, const char*>, 2>{
             {{"ccp.css", "text/css; charset=utf-8"}, {"ccp.svg", "image/svg+xml"}}}) {
      const auto content = embedded::httpAssets(name);
      out.emplace(name, Asset{content, type, sha256Hex(content).substr(0, 16)});
    }
    return out;
  }();
  return all;
}

Result<Response> serve(const Request& request) {
  const auto found = assets().find(request.param("file"));
  if (found == assets().end()) return fail(Errc::not_found, "there is no such asset");
  const Asset& asset = found->second;
  const std::string etag = "\"" + asset.hash + "\"";
  const bool versioned = request.query.getOr("v") == asset.hash;
  Response out;
  if (request.headers.get("If-None-Match").find(etag) != std::string::npos) {
    out.status = 304;
  } else {
    out.body = std::string(asset.content);
    out.headers.set("Content-Type", asset.type);
  }
  out.headers.set("ETag", etag);
  out.headers.set("Cache-Control",
                  versioned ? "public, max-age=31536000, immutable" : "public, max-age=300");
  return out;
}

}  // namespace

void addAssetRoutes(Router& router) {
  RouteOptions options;
  options.summary = "Static files of the pages";
  router.get("/assets/{file}", std::move(options), serve);
}

std::string assetUrl(std::string_view name) {
  const auto found = assets().find(name);
  return "/assets/" + std::string(name) +
         (found == assets().end() ? "" : "?v=" + found->second.hash);
}

}  // namespace ccp::http
