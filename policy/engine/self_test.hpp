// Does the interpreter that was built in compute what Lua means? (docs/adr/0014-policy-engine.md)
#pragma once

#include "core/base/error.hpp"

namespace ccp::policy {

/// `policy_engine_unfit` names what is wrong.
Status testInterpreter();

}  // namespace ccp::policy
