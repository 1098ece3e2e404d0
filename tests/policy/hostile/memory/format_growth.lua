-- Text put together by format.
-- expect: memory
function decide(input)
  local s = "x"
  while true do s = string.format("%s%s", s, s) end
end
