-- Walks to a place far inside.
-- expect: timeout|runtime_error
function decide(input)
  local s = ("é"):rep(30000)
  while true do utf8.codepoint(s, 1, 512) end
end
