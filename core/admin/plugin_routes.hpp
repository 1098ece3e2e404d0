// /v1/admin/plugins/{name}/* and /v1/admin/reload: what operators see of plugin instances and do with them.
#pragma once

#include <functional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/http/router.hpp"
#include "core/plugin/plugin_host.hpp"
#include "core/plugin/trust_admin.hpp"

namespace ccp::admin {

/// Reads the configuration again and applies it; the report, or why nothing was changed.
using Reload = std::function<Result<Json>(const std::string& actor)>;

/// `plugins` and `trust` must outlive the router.
void addPluginRoutes(http::Router& router, plugin::PluginHost& plugins, plugin::TrustAdmin& trust, Reload reload);

}  // namespace ccp::admin
