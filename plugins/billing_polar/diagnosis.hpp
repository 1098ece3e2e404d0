// Findings for the operator from Polar's own view of its webhooks and customers. Pure.
#pragma once

#include <string>

#include "ccp/json.hpp"

namespace polar {

/// Appends {"level","code","text"}; levels are ok, warn and error.
void addFinding(ccp::json& findings, const char* level, const char* code, std::string text);
/// Endpoints that are missing, disabled, of another format or without the subscription events.
void judgeEndpoints(ccp::json& findings, const ccp::json& endpoints);
void judgeDeliveries(ccp::json& findings, const ccp::json& failed);
/// What Polar says that this organization has now.
void judgeState(ccp::json& findings, const ccp::json& state);

}  // namespace polar
