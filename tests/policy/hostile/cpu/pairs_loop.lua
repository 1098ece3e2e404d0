-- pairs() puts keys in order, each time.
-- expect: timeout|memory
function decide(input)
  local t = {}
  for i = 1, 5000 do t["k" .. i] = i end
  while true do for k in pairs(t) do break end end
end
