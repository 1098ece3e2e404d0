-- Texts of 64 KiB in and out.
-- expect: timeout|memory
function decide(input)
  local s = ("x"):rep(60000)
  while true do local t = string.format("%.5s%s", s, s) end
end
