-- The same rehash again and again.
-- expect: timeout|memory
function decide(input)
  while true do
    local t = {}
    for i = 1, 1025 do t[i * 2047] = true end
  end
end
