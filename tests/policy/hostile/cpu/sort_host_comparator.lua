-- A comparator that is a host function: no instruction runs between two calls.
-- expect: runtime_error|timeout|memory
function decide(input)
  local t = {}
  local s = ("x"):rep(60000)
  for i = 1, 3000 do t[i] = s end
  table.sort(t, string.find)
  table.sort(t, string.contains)
  table.sort(t, string.glob)
  return { allow = true }
end
