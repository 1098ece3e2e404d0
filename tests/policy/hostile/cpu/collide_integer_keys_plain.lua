-- The same with multiples of 2^15 - 1 alone.
-- expect: timeout|memory|runtime_error|decision
function decide(input)
  local t = {}
  for i = 1, 16384 do t[i * 32767] = true end
  t.x = 1
  t.y = 2
  return { allow = false }
end
