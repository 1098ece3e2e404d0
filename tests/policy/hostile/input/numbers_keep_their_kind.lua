-- Integers stay integers, fractions floats.
-- expect: {"allow":false,"reason":"integer float"}
function decide(input)
  return { allow = false, reason = math.type(input.n) .. " " .. math.type(input.half) }
end
