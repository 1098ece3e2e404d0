-- Zero bytes cut a string into segments that are compared one by one.
-- expect: timeout
function decide(input)
  local s = ("\0"):rep(60000)
  local a, b = s .. "a", s .. "b"
  local t = {}
  for i = 1, 2000 do t[i] = i % 2 == 0 and a or b end
  table.sort(t)
  return { allow = true }
end
