-- The same by index.
-- expect: timeout
function decide(input)
  local t = {}
  for i = 1, 100 do t[i] = i end
  for _ in ipairs(t) do for _ in ipairs(t) do for _ in ipairs(t) do for _ in ipairs(t) do end end end end
  return { allow = true }
end
