-- Look-ups at the end of a long chain.
-- expect: timeout|memory
function decide(input)
  local t, step = {}, 2.0 ^ -50
  for i = 1, 3000 do t[1.5 + i * step] = true end
  local n = 0
  while true do
    if t[1.25] or t[1.5 + 4000 * step] then n = n + 1 end
  end
end
