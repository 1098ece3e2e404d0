-- Thousands of slots without a key: a walk costs, though it finds nothing.
-- expect: timeout
function decide(input)
  local t = {}
  for i = 1, 4096 do t["k" .. i] = 1 end
  for i = 1, 4096 do t["k" .. i] = nil end
  while true do pairs(t) end
end
