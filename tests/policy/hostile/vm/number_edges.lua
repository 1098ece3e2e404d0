-- Integers and floats around 2^53 are compared exactly.
-- expect: {"allow":false,"reason":"false true true"}
function decide(input)
  local i, f = 2 ^ 53 // 1 | 0, 2.0 ^ 53
  return { allow = false, reason = tostring(i + 1 == f) .. " " .. tostring(i + 1 > f) .. " " .. tostring(math.maxinteger + 0.0 == 2.0 ^ 63) }
end
