-- Wide at every level, small in all.
-- expect: bad_result
function decide(input)
  local t = {}
  for i = 1, 20 do
    t["a" .. i] = {}
    for j = 1, 20 do t["a" .. i]["b" .. j] = j end
  end
  return { allow = false, obligations = t }
end
