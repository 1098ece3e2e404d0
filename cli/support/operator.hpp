// Requests with the operator key: /v1/admin/*. One thread.
#pragma once

#include <optional>
#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace ccp::cli {

/// `key_file` empty: CCP_OPERATOR_KEY, the key itself or @file.
Outcome<Json> operatorCall(const Context& context, const std::string& key_file,
                           const std::string& method, const std::string& path,
                           const std::optional<Json>& body = std::nullopt);

}  // namespace ccp::cli
