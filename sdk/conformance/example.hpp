// Example values for a JSON Schema: what a host could send. The subset of draft 7 that CCP's schemas use
// (type, enum, const, required, properties, items, bounds, pattern, definitions, allOf, anyOf, oneOf).
// A schema that is beyond it gives nothing, or something that the schema itself refuses: the caller asks.
// Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.hpp"

namespace ccp::kit {

struct ExampleOptions {
  bool every_member = false;  ///< optional ones too
  /// Overrides the value of a member; an empty result leaves it to the schema.
  std::function<std::optional<Json>(std::string_view member, const Json& schema)> choose;
};

std::optional<Json> exampleOf(const Json& schema, const ExampleOptions& options = {});

/// A short text that `pattern` (ECMAScript, the subset without look-around and back references) matches.
std::optional<std::string> textMatching(std::string_view pattern);

}  // namespace ccp::kit
