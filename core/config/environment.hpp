// CCP_* environment variables over the file's values: CCP_SERVER_LISTEN sets server.listen;
// CCP_STORE_URL_FILE reads store.url from a file. Which variables exist follows from the schema.
#pragma once

#include <map>
#include <string>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::config {

/// Sets what the environment overrides in `value`; `config_invalid` names the variable.
Status applyEnvironment(Json& value, const Json& schema, const std::map<std::string, std::string>& environment);

}  // namespace ccp::config
