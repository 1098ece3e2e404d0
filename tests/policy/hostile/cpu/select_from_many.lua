-- select() copies what follows.
-- expect: timeout|memory|runtime_error
function decide(input)
  local function count(...)
    local n = 0
    for i = 1, select("#", ...) do n = n + (select(i, ...) or 0) end
    return n
  end
  local t = {}
  for i = 1, 250 do t[i] = i end
  while true do count(table.unpack(t)) end
end
