// The JSON Schemas of every operation of every interface (sdk/schemas), compiled into the kit. Static data;
// thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.hpp"

namespace ccp::kit {

enum class Side { in, out };

/// The schema, or null when there is none: the operation is not described.
const Json& schemaOf(std::string_view interface_id, std::string_view op, Side side);

}  // namespace ccp::kit
