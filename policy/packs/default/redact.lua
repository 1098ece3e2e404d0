-- redact: what looks like a secret does not leave, and prompts leave only when the organization chose so.

local secrets = ccp.data.secrets

local function secretName(name)
  local lower = name:lower()
  for _, word in ipairs(secrets.names) do
    if lower:contains(word) then return true end
  end
  return false
end

local function secretValue(value)
  if type(value) ~= "string" then return false end
  for _, prefix in ipairs(secrets.prefixes) do
    if value:starts(prefix) then return true end
  end
  for _, mark in ipairs(secrets.marks) do
    if value:contains(mark) then return true end
  end
  return false
end

-- A step of a JSON pointer: "~" is written "~0" and "/" is written "~1" (RFC 6901).
local function step(name)
  local escaped = table.concat(name:split("~"), "~0")
  return table.concat(escaped:split("/"), "~1")
end

function decide(input)
  if input.org.privacy == "local_only" and input.destination ~= "chat" and input.destination ~= "pull_request" then
    return { allow = false, effect = "withhold", rule = "privacy.local_only", reason = "The privacy tier is local_only: nothing leaves." }
  end
  if input.kind == "prompt" and input.org.privacy ~= "full" then
    return { allow = false, effect = "withhold", rule = "privacy.prompts", reason = "Prompts leave with the privacy tier full only." }
  end
  local redact = {}
  for name, value in pairs(input.fields) do
    if secretName(name) or secretValue(value) then
      table.insert(redact, "/fields/" .. step(name))
    end
  end
  if #redact > 0 then
    return { allow = true, effect = "redact", rule = "secrets", reason = "Values that look like secrets are left out.", redact = redact }
  end
  return { allow = true, effect = "allow", rule = "nothing_found", reason = "Nothing looks like a secret." }
end
