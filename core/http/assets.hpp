// Static files of the pages, embedded in the program. Immutable; any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/http/router.hpp"

namespace ccp::http {

/// GET /assets/{file} with ETag; a URL from assetUrl() may be cached for a year.
void addAssetRoutes(Router& router);
/// "/assets/<name>?v=<hash of its content>": a changed file is a new URL.
std::string assetUrl(std::string_view name);

}  // namespace ccp::http
