-- A comparator that lies: everything is smaller than everything.
-- expect: runtime_error|timeout|decision
function decide(input)
  local t = {}
  for i = 1, 2000 do t[i] = i end
  table.sort(t, function() return true end)
  return { allow = false }
end
