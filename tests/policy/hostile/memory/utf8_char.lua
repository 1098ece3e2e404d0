-- Texts made of code points.
-- expect: memory|timeout
function decide(input)
  local t = {}
  for i = 1, 1000000 do t[i] = utf8.char(i, i + 1, i + 2, i + 3, 0x10FFFF) end
end
