-- Counts calls in a local of the chunk.
-- expect: {"allow":false,"reason":"1"}
local count = 0
function decide(input)
  count = count + 1
  return { allow = count > 1, reason = tostring(count) }
end
