-- A comparator that empties and fills the table under the sort.
-- expect: runtime_error|timeout|decision
function decide(input)
  local t = {}
  for i = 1, 200 do t[i] = i * 7 % 31 end
  table.sort(t, function(a, b)
    t[#t] = nil
    t[#t + 1], t[#t + 2] = 1, 2
    for i = 1, 20 do t[i] = nil end
    return (a or 0) < (b or 0)
  end)
  return { allow = false }
end
