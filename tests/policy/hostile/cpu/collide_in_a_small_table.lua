-- One chain in a table of 8192 nodes, the largest that there is: one rehash walks it for every key.
-- expect: timeout|memory|{"allow":false}
function decide(input)
  local t = {}
  for i = 1, 4096 do t[i * 8191] = true end
  for i = 1, 40 do t[i * 8191 + 4096 * 8191] = true end
  return { allow = false }
end
