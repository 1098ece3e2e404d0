-- An array of numbers.
-- expect: memory|timeout
function decide(input)
  local t = {}
  for i = 1, math.huge do t[i] = i end
end
