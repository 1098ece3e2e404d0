// What a plugin's failure means to CCP: result class and problem JSON to an Error. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ccp/abi/plugin.h"
#include "core/base/error.hpp"

namespace ccp::plugin {

/// The table of result classes:
///   INVALID_ARGUMENT validation_failed · UNAUTHENTICATED, PERMISSION_DENIED provider_error (the provider
///   refused *us*) · NOT_FOUND not_found · CONFLICT conflict · RATE_LIMITED rate_limited ·
///   RESOURCE_EXHAUSTED overloaded · UNAVAILABLE plugin_unavailable · DEADLINE_EXCEEDED deadline_exceeded ·
///   CANCELLED plugin_unavailable (`cancelled` is for callers that went away: they get no answer) · UNIMPLEMENTED unimplemented · INTERNAL, DATA_LOSS, unknown plugin_failed.
/// A `code` of the problem refines it where a plugin may say so: signature_invalid, signature_stale,
/// provider_error, egress_denied, secret_missing, endpoint_gone. Text is redacted and cut to 1,000 bytes.
Error errorFromPlugin(const std::string& instance, std::string_view op, ccp_rc rc, std::string_view problem_json);

/// The other direction, for host services: the class for one of our errors.
ccp_rc rcFromError(const Error& error) noexcept;
/// {"code","detail","retry_after_ms"?}
std::string problemJson(const Error& error);

}  // namespace ccp::plugin
