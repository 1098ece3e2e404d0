-- Arguments that are nil in the middle and at the end.
-- expect: {"allow":false,"reason":"3 4"}
function decide(input)
  local function count(...) return select("#", ...) end
  return { allow = false, reason = count(nil, nil, nil) .. " " .. count(1, table.unpack({ 1, nil, 3 }, 1, 3)) }
end
