// Quill's JSON as CCP's. Pure: values in, values out; what is not what Quill promises throws provider_error.
#pragma once

#include <string>

#include "ccp/json.hpp"

namespace quill {

using ccp::json;

/// A whole snapshot; statuses that nobody knows read as "unknown".
json subscription(const json& in);
/// {"id","url","status","customer_id","subscription_id"}
json checkout(const json& in);
/// One webhook as an event of the contract; `id` is the signed header's. Unknown types become kind "ignored".
json event(const json& in, const std::string& id);

}  // namespace quill
