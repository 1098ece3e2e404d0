-- The input as a key of a table that would live on.
-- expect: {"allow":false,"reason":"0"}
local seen = {}
function decide(input)
  local n = 0
  for _ in pairs(seen) do n = n + 1 end
  seen[input.secret], seen[input.subject.plan] = true, true
  return { allow = n > 0, reason = tostring(n) }
end
