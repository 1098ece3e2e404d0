// Asks the policies about every change of the line-up of plugins (decision point plugin.change).
#pragma once

#include "core/config/settings.hpp"
#include "core/plugin/change.hpp"
#include "policy/decision/decision.hpp"

namespace ccp::app {

/// At start the answer is logged but not obeyed: whoever may edit ccp.yaml and start the server must not be
/// locked out of it by a policy that can only be changed on a running one (docs/adr/0017-decision-log.md).
plugin::ChangeGuard makePluginGuard(policy::Decider& policies, config::Mode mode);

}  // namespace ccp::app
