-- The same with an order and with a negation.
-- expect: {"allow":false,"reason":"blocked"}
local BLOCK = { [true] = "blocked" }
function decide(input)
  if not BLOCK[input.subject.usage < 100] then return { allow = true } end
  if not BLOCK[not (input.subject.plan ~= "free")] then return { allow = true } end
  return { allow = false, reason = BLOCK[input.subject.usage <= 41] }
end
