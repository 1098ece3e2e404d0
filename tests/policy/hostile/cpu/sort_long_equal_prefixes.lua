-- A stable sort of 64 KiB texts that differ in the last byte.
-- expect: timeout
function decide(input)
  local s, t = ("p"):rep(60000), {}
  local a, b, c = s .. "a", s .. "b", s .. "c"
  while true do
    for i = 1, 90 do t[i] = i % 3 == 0 and a or i % 3 == 1 and b or c end
    table.sort(t)
  end
end
