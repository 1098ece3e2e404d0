// The plugin interfaces this host knows: their operations by name, where each slot lies in the C table,
// and which ones a plugin cannot leave out. Static data; thread-safe.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ccp/abi/plugin.h"

namespace ccp::plugin {

struct OpSlot {
  std::string_view name;  ///< "create_checkout"
  std::size_t offset = 0;
  bool required = false;
};

/// Operations in the order of the table; empty for an interface that is not known.
const std::vector<OpSlot>& operationsOf(std::string_view interface_id);
bool isKnownInterface(std::string_view interface_id);

/// The operation in a plugin's table, which may be shorter than ours; nullptr when it is not there.
ccp_op operationIn(const void* table, const OpSlot& slot) noexcept;
ccp_op operationIn(const void* table, std::string_view interface_id, std::string_view operation);

}  // namespace ccp::plugin
