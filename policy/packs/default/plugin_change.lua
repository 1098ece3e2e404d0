-- plugin.change: in production nothing runs that nobody vouches for, and going back needs a reason.
-- Signatures and grants are checked before this is asked; what stands here comes on top.

local VOUCHED = { vendor = true, key = true, linked = true }

local function deny(rule, reason)
  return { allow = false, effect = "deny", rule = rule, reason = reason }
end

local function allow(rule, reason)
  return { allow = true, effect = "allow", rule = rule, reason = reason }
end

-- 1.2.3 and nothing else: prereleases and the like have no order here.
local function plain(version)
  local parts = version:split(".")
  if #parts ~= 3 then return false end
  for _, part in ipairs(parts) do
    if part == "" or #part > 9 or (part ~= "0" and part:starts("0")) then return false end
    for at = 1, #part do
      local byte = part:byte(at)
      if byte < 48 or byte > 57 then return false end
    end
  end
  return true
end

local function older(version, than)
  return plain(version) and plain(than) and ccp.semver_cmp(version, than) < 0
end

function decide(input)
  if input.mode ~= "prod" then
    return allow("mode.dev", "In dev mode every change is allowed.")
  end
  if input.action == "drain" or input.action == "remove" then
    return allow("change.less", "Taking an instance away is always allowed.")
  end
  if not VOUCHED[input.trust] then
    return deny("trust.unsigned", "Production runs signed plugins only.")
  end
  local from = input.from
  if from and input.occasion == "request" and (input.reason or "") == "" then
    local plugin, version = input.plugin or "", input.version or ""
    if from.plugin ~= plugin then
      return deny("reason.other_plugin", "Putting " .. plugin .. " in the place of " .. from.plugin .. " needs a reason.")
    end
    if older(version, from.version) then
      return deny("reason.older_version", "Going back from " .. from.version .. " to " .. version .. " needs a reason.")
    end
  end
  return allow("change.trusted", "The plugin is signed.")
end
