-- Each insertion moves the whole array.
-- expect: timeout|memory
function decide(input)
  local t = {}
  for i = 1, 30000 do t[i] = i end
  while true do table.insert(t, 1, 0) end
end
