-- Many short texts, all interned.
-- expect: memory|timeout
function decide(input)
  local t = {}
  for i = 1, 1000000 do t[i] = "k" .. i end
end
