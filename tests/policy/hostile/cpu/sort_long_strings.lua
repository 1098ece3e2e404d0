-- Comparisons of 64 KiB each, thousands of them inside of one call.
-- expect: timeout
function decide(input)
  local s = ("x"):rep(60000)
  local a, b = s .. "a", s .. "b"
  local t = {}
  for i = 1, 8000 do t[i] = i % 2 == 0 and a or b end
  table.sort(t)
  table.sort(t)
  table.sort(t)
  return { allow = true }
end
