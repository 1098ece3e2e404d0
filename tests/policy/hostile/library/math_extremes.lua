-- The edges of arithmetic.
-- expect: {"allow":false,"reason":"-9223372036854775808 0 nil 9007199254740992"}
function decide(input)
  local a, b = math.abs(math.mininteger), math.mininteger % -1
  local c, d = math.tointeger(2 ^ 63), math.floor(2 ^ 53 + 0.0)
  return { allow = false, reason = a .. " " .. b .. " " .. tostring(c) .. " " .. d }
end
