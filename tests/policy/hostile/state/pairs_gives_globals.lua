-- The same with the environment: its metatable leads to the base.
-- expect: {"allow":false,"reason":"number"}
function decide(input)
  local _, raw = pairs(_ENV)
  if raw.type ~= type then return { allow = true } end
  local before = type(1)
  raw.type = function() return "owned" end
  return { allow = before ~= "number", reason = before }
end
