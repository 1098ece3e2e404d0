-- Many functions with an upvalue each.
-- expect: memory|timeout
function decide(input)
  local t = {}
  for i = 1, 1000000 do t[i] = function() return i end end
end
