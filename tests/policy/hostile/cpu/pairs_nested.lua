-- Walks within walks.
-- expect: timeout|memory
function decide(input)
  local t = {}
  for i = 1, 100 do t[i] = i end
  for _ in pairs(t) do for _ in pairs(t) do for _ in pairs(t) do for _ in pairs(t) do end end end end
  return { allow = true }
end
