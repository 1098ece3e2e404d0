-- Text of results that are no numbers.
-- expect: {"allow":false}
function decide(input)
  local zero = input.n - input.n
  return { allow = false, reason = tostring(zero / zero) .. " " .. tostring(1 / zero) .. " " .. string.format("%.1f", -1 / zero) }
end
