-- Splits 64 KiB again and again.
-- expect: timeout|memory
function decide(input)
  local s = (","):rep(20000)
  while true do s:split(",") end
end
