-- slack.run: whoever is linked to a member may start jobs; what touches production is for admins.

local RANK = { viewer = 1, member = 2, admin = 3, owner = 4 }
local jobs = ccp.data.jobs

local function deny(rule, reason)
  return { allow = false, effect = "deny", rule = rule, reason = reason, visibility = "ephemeral" }
end

function decide(input)
  if not input.user.linked then
    return deny("user.unlinked", "Link your chat account first: /ccp link.")
  end
  if input.channel.shared then
    return deny("channel.shared", "Jobs are not started where people of other workspaces read along.")
  end
  local wanted = jobs.roles[input.environment or "none"]
  local role = input.subject.role
  if not role or RANK[role] < RANK[wanted] then
    return deny("role." .. wanted, "The job " .. input.job .. " is for the role " .. wanted .. " and above.")
  end
  if input.running and input.running >= jobs.running_limit then
    return deny("jobs.running", "There are " .. input.running .. " jobs running; wait until some are done.")
  end
  return {
    allow = true,
    effect = "allow",
    rule = "role.fits",
    reason = "You may start this job.",
    visibility = input.channel.direct and "ephemeral" or "channel",
    approval = "none",
  }
end
