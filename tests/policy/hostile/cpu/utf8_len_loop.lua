-- Counts characters of 64 KiB.
-- expect: timeout
function decide(input)
  local s = ("é"):rep(30000)
  while true do utf8.len(s) end
end
