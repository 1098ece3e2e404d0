// Findings for the operator from Stripe's own view of its key, its webhook endpoints and its
// events. Pure.
#pragma once

#include <string>

#include "ccp/json.hpp"

namespace stripe {

/// Appends {"level","code","text"}; levels are ok, warn and error.
void addFinding(ccp::json& findings, const char* level, const char* code, std::string text);
/// Whether the key is of the configured mode.
void judgeKey(ccp::json& findings, const ccp::json& balance, bool livemode);
/// The endpoint of ours: missing, disabled, without events, of another API version or mode.
void judgeEndpoints(ccp::json& findings, const ccp::json& endpoints, bool livemode,
                    const std::string& api_version);
/// Events that Stripe could not deliver yet.
void judgeDeliveries(ccp::json& findings, const ccp::json& failed);
/// What Stripe says that this customer has now.
void judgeCustomer(ccp::json& findings, const ccp::json& subscriptions,
                   const ccp::json& entitlements);

}  // namespace stripe
