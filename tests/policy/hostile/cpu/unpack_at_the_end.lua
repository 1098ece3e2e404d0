-- Ranges that end at the largest integer, or begin at the smallest.
-- expect: {"allow":false,"reason":"x nil 3"}
function decide(input)
  local t = { [math.maxinteger] = "x" }
  local a = table.unpack(t, math.maxinteger, math.maxinteger)
  local b = table.unpack(t, math.mininteger, math.mininteger)
  return { allow = false, reason = tostring(a) .. " " .. tostring(b) .. " " .. select("#", table.unpack(t, math.maxinteger - 2, math.maxinteger)) }
end
