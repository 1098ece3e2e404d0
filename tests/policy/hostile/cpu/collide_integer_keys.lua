-- Keys that fall into one chain once the table has 2^15 nodes: one rehash walks it for every key.
-- expect: timeout|memory|runtime_error|decision
function decide(input)
  local t = {}
  for i = 1, 16384 do t[i * 32767 + 2 ^ 40 // 1 | 0] = true end
  t[-1] = true
  t[-2] = true
  return { allow = false }
end
