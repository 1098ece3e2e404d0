-- Nor is a refused allocation.
-- expect 1: {"allow":false,"reason":"1"}
-- expect 2: memory
-- expect 3: {"allow":false,"reason":"3"}
function decide(input)
  if input.n == 2 then local s = ("x"):rep(1 << 40) end
  return { allow = false, reason = tostring(input.n) }
end
