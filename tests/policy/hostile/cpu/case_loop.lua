-- Copies of 64 KiB.
-- expect: timeout
function decide(input)
  local s = ("aB"):rep(32000)
  while true do s = s:upper():lower():reverse() end
end
