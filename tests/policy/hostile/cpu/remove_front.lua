-- Each removal moves the whole array.
-- expect: timeout
function decide(input)
  local t = {}
  for i = 1, 30000 do t[i] = i end
  while #t > 0 do table.remove(t, 1) end
  return { allow = true }
end
