// An instance's configuration before its plugin sees it: schema, defaults, secret references. Pure but for
// looking secrets up.
#pragma once

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/plugin/host_services/context.hpp"

namespace ccp::plugin {

/// `config` with the schema's defaults. `config_invalid` names instance, place (a JSON pointer) and rule.
Result<Json> checkConfig(const std::string& instance, const std::string& plugin_id, const Json& config, const Json& schema);
/// The same for an instance that is about to be configured. `config_invalid` also when a
/// secret reference is not allowed by the manifest, or a URL (x-ccp-egress) by the operator; `secret_missing` when its secret is not there.
Result<Json> prepareConfig(const HostContext& host, const InstanceGrants& grants, const Json& config, const Json& schema);

}  // namespace ccp::plugin
