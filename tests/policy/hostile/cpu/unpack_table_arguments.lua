-- Arrays in and out of argument lists.
-- expect: timeout|memory
function decide(input)
  local t = {}
  for i = 1, 250 do t[i] = i end
  while true do local u = { table.unpack(t) } end
end
