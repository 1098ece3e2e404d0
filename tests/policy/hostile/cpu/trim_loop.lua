-- Blanks on both sides.
-- expect: timeout
function decide(input)
  local s = (" "):rep(30000) .. "x" .. ("\t"):rep(30000)
  while true do s:trim() end
end
