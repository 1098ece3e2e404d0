-- seat.assign: owners and admins give seats up to the limit; only owners make owners.

local function deny(rule, reason)
  return { allow = false, effect = "deny", rule = rule, reason = reason }
end

local function known(domains, domain)
  for _, each in ipairs(domains) do
    if each == domain then return true end
  end
  return false
end

function decide(input)
  local subject, seat, seats = input.subject, input.seat, input.seats
  if subject.kind == "user" and subject.role ~= "owner" and subject.role ~= "admin" then
    return deny("role.admin", "Only owners and admins give seats.")
  end
  if seat.role == "owner" and subject.role ~= "owner" and subject.kind ~= "operator" then
    return deny("role.owner", "Only owners make owners.")
  end
  if seats.used + seats.invited >= seats.limit then
    return deny("seats.limit", "All " .. seats.limit .. " seats are taken or offered; remove one or raise the plan.")
  end
  local domains = input.domains
  if domains and #domains > 0 and seat.domain and not known(domains, seat.domain) and seat.role ~= "viewer" then
    return {
      allow = true,
      effect = "narrow",
      rule = "domain.other",
      reason = "People of other domains begin as viewers.",
      role = "viewer",
    }
  end
  return { allow = true, effect = "allow", rule = "seats.free", reason = "A seat is free." }
end
