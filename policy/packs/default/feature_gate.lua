-- feature.gate: a feature that the plan includes may be used.
-- `entitled` is the plan's word and already follows the license: outside of trial, active and grace it is the
-- fallback plan's. This policy explains the answer; a pack of yours may narrow it.

local NOTICE = {
  grace = "The last payment failed; the plan stays active for a few days. `ccp plan` shows what to do.",
  suspended = "The license is suspended; what the free plan includes goes on working.",
  expired = "The license has expired; what the free plan includes goes on working.",
  revoked = "The license has ended; what the free plan includes goes on working.",
}

local WHY = {
  pending = "The license waits for its first payment.",
  suspended = "The license is suspended.",
  revoked = "The license has ended.",
  expired = "The license has expired.",
}

function decide(input)
  local state = input.license.state
  if input.entitled then
    return {
      allow = true,
      effect = "allow",
      rule = "plan.includes",
      reason = "The plan " .. input.org.plan .. " includes " .. input.feature .. ".",
      notice = NOTICE[state],
    }
  end
  local why = WHY[state]
  if why then
    return { allow = false, effect = "deny", rule = "license." .. state, reason = why, enforce = "enforce" }
  end
  return {
    allow = false,
    effect = "deny",
    rule = "plan.lacks",
    reason = "The plan " .. input.org.plan .. " does not include " .. input.feature .. ".",
    enforce = "enforce",
  }
end
