-- Positions beyond the end and from the end.
-- expect: {"allow":false,"reason":"0 3"}
function decide(input)
  local function count(...) return select("#", ...) end
  return { allow = false, reason = count(select(math.maxinteger, 1, 2, 3)) .. " " .. select(-1, 1, 2, 3) }
end
