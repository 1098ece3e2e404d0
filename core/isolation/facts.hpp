// What a plugin's descriptor says, read out of memory in the process that loaded it and judged in the one
// that did not.
#pragma once

#include <string>
#include <vector>

#include "ccp/abi/plugin.h"
#include "core/base/json.hpp"
#include "core/isolation/wire.hpp"
#include "core/package/manifest.hpp"

namespace ccp::isolation {

/// Reads the descriptor and, of `interfaces`, those that the plugin has. `plugin_refused` when it is no
/// descriptor of this ABI.
Result<Facts> factsOf(const ccp_plugin* plugin, const std::vector<std::string>& interfaces);

/// {"id","version","note","abi":{"major","minor"},"interfaces":{"ccp.billing/1":["get_checkout",…]}}
Json toJson(const Facts& facts);
Result<Facts> factsFromJson(const Json& json);

/// The facts agree with the signed manifest, and nothing that a host needs is missing. `plugin_refused`
/// says what was found and what is needed.
Status checkFacts(const Facts& facts, const plugin::Manifest& manifest);

}  // namespace ccp::isolation
