// Requests with the operator key: /v1/admin/*. One thread.
#pragma once

#include <optional>
#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "cli/support/server.hpp"

namespace ccp::cli {

/// `key_file` empty: CCP_OPERATOR_KEY, the key itself or @file.
Outcome<Json> operatorCall(const Context& context, const std::string& key_file,
                           const std::string& method, const std::string& path,
                           const std::optional<Json>& body = std::nullopt);
/// The same with the exact text of a JSON body, and whatever the server answers.
Outcome<Answer> operatorExchange(const Context& context, const std::string& key_file,
                                 const std::string& method, const std::string& path,
                                 const std::optional<std::string>& text,
                                 std::vector<std::pair<std::string, std::string>> headers = {});

}  // namespace ccp::cli
