-- The smallest integer by minus one.
-- expect: {"allow":false,"reason":"-9223372036854775808 0"}
function decide(input)
  local m = math.mininteger
  return { allow = false, reason = (m // -1) .. " " .. (m % -1) }
end
