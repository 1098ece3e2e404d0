-- Indices that make the array part grow.
-- expect: memory|timeout
function decide(input)
  local t = {}
  for i = 1, 40 do
    for j = 1, 5000 do t[i * 5000 - j] = j end
  end
  return { allow = true }
end
