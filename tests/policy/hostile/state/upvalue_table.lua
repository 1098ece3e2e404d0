-- Collects inputs in a table of the chunk.
-- expect: {"allow":false,"reason":"1"}
local seen = {}
function decide(input)
  seen[#seen + 1] = input
  return { allow = #seen > 1, reason = tostring(#seen) }
end
