-- quota.overage: beyond a limit happens what the organization chose: block, overage up to its cap, or a larger plan.

local function block(input, rule, why)
  local limit = input.limit
  return {
    allow = false,
    effect = "deny",
    answer = "block",
    rule = rule,
    reason = "The limit " .. limit.name .. " (" .. limit.value .. ") is reached" .. why,
  }
end

function decide(input)
  local limit, overage = input.limit, input.overage
  local beyond = input.used + input.requested - limit.value
  if beyond <= 0 then
    return { allow = true, effect = "allow", answer = "within", rule = "limit.within", reason = "It is within the limit." }
  end
  if overage.mode == "auto_upgrade" then
    if overage.next_plan then
      return {
        allow = true,
        effect = "upgrade",
        answer = "auto_upgrade",
        plan = overage.next_plan,
        rule = "overage.upgrade",
        reason = "The plan is raised to " .. overage.next_plan .. ".",
      }
    end
    return block(input, "overage.top_plan", ", and there is no larger plan.")
  end
  if overage.mode == "overage" then
    if input.org.state == "trial" then
      return block(input, "overage.trial", "; a trial has no overage.")
    end
    if overage.cap and beyond > overage.cap then
      return block(input, "overage.cap", ", and so is the cap on overage (" .. overage.cap .. ").")
    end
    -- What was billed before is not billed again.
    return {
      allow = true,
      effect = "overage",
      answer = "overage",
      units = math.min(input.requested, beyond),
      rule = "overage.agreed",
      reason = "It is billed as overage.",
    }
  end
  return block(input, "overage.block", ".")
end
