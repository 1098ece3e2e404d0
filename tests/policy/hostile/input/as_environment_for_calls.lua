-- The input as environment, builtins kept as locals.
-- expect: {"allow":false,"reason":"free 3"}
local tostring = tostring
function decide(input)
  local _ENV = input
  return { allow = false, reason = subject.plan .. " " .. tostring(#list) }
end
