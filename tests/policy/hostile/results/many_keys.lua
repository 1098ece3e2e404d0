-- An object of two thousand.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 2000 do t["f" .. i] = i end
  return { allow = false, obligations = t }
end
