-- NaN makes every order invalid.
-- expect: runtime_error|timeout|decision
function decide(input)
  local t = {}
  for i = 1, 500 do t[i] = i % 3 == 0 and 0 / 0 or i end
  table.sort(t)
  return { allow = false }
end
